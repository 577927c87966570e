/* Reading a request: where it ends, and what it asks for. */
#pragma once
#include <stdlib.h>
#include <string.h>

enum kind { CHAT, STREAM, EMBEDDINGS, COUNTERS };

static int has(const char *text, size_t length, const char *word) {
  return memmem(text, length, word, strlen(word)) != NULL;
}

static enum kind kind_of(const char *head, const char *body, size_t body_length) {
  size_t line = strchr(head, '\r') - head;
  if (has(head, line, "/stats") || has(head, line, "GET "))
    return COUNTERS;
  if (has(head, line, "embeddings"))
    return EMBEDDINGS;
  if (has(body, body_length, "\"stream\":true") || has(body, body_length, "\"stream\": true"))
    return STREAM;
  return CHAT;
}

/* Length of the request at the start of the buffer, 0 while it is incomplete. */
static size_t request_length(char *buffer, size_t length, size_t *head_length) {
  char *end = memmem(buffer, length, "\r\n\r\n", 4);
  if (!end)
    return 0;
  *head_length = end + 4 - buffer;
  *end = 0;
  char *stated = strcasestr(buffer, "\r\ncontent-length:");
  int is_chunked = !stated && strcasestr(buffer, "\r\ntransfer-encoding:");
  size_t total = *head_length + (stated ? atol(stated + strlen("\r\ncontent-length:")) : 0);
  *end = '\r';
  if (is_chunked) { /* the JSON of a request never holds the end mark */
    char *last = memmem(end + 4, length - *head_length, "0\r\n\r\n", 5);
    return last ? (size_t)(last + 5 - buffer) : 0;
  }
  return length >= total ? total : 0;
}
