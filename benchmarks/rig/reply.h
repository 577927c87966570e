/* One connection of the load generator and the answer it is reading: head, length or chunks, SSE events. */
#pragma once
#include <string.h>

#include "samples.h"

#define REPLY_BUFFER (1 << 19)
#define STAMP_LENGTH 18 /* "@T" and 16 digits: when the upstream sent this, CLOCK_MONOTONIC nanoseconds */
#define UNSCANNED 20    /* a marker may be cut in two by the end of what has arrived */

struct reply {
  int fd, busy;
  int64_t started_at;
  char *buffer;
  size_t length, scanned;
  size_t head_length; /* 0 until the head is complete */
  long content_length;
  int status, is_chunked, says_close;
  int events;
};

static struct samples first_byte, first_event, chunk_delay;
static uint64_t recorded_events;

static void reply_reset(struct reply *reply, int64_t started_at) {
  reply->busy = 1;
  reply->started_at = started_at;
  reply->length = reply->scanned = reply->head_length = 0;
  reply->content_length = -1;
  reply->status = reply->is_chunked = reply->says_close = reply->events = 0;
}

static void parse_head(struct reply *reply) {
  char *end = memmem(reply->buffer, reply->length, "\r\n\r\n", 4);
  if (!end)
    return;
  *end = 0;
  char *length = strcasestr(reply->buffer, "\r\ncontent-length:");
  if (length)
    reply->content_length = atol(length + strlen("\r\ncontent-length:"));
  reply->is_chunked = strcasestr(reply->buffer, "\r\ntransfer-encoding: chunked") != NULL;
  reply->says_close = strcasestr(reply->buffer, "\r\nconnection: close") != NULL;
  reply->status = atoi(reply->buffer + strlen("HTTP/1.1 "));
  *end = '\r';
  reply->head_length = reply->scanned = end + 4 - reply->buffer;
}

static void on_event(struct reply *reply, int64_t now, int recording) {
  if (recording && reply->events == 0)
    push(&first_event, (now - reply->started_at) / 1e3);
  recorded_events += recording;
  reply->events++;
}

static void on_stamp(const char *stamp, int64_t now, int recording) {
  int64_t sent_at = 0;
  for (int i = 2; i < STAMP_LENGTH; i++)
    sent_at = sent_at * 10 + (stamp[i] - '0');
  if (recording && sent_at > 0)
    push(&chunk_delay, (now - sent_at) / 1e3);
}

static void scan(struct reply *reply, int64_t now, int recording) {
  char *from = reply->buffer + reply->scanned, *end = reply->buffer + reply->length;
  while (from < end) {
    char *data = memmem(from, end - from, "data: ", 6);
    char *stamp = memmem(from, end - from, "@T", 2);
    if (data && (!stamp || data < stamp)) {
      on_event(reply, now, recording);
      from = data + 6;
    } else if (stamp && end - stamp >= STAMP_LENGTH) {
      on_stamp(stamp, now, recording);
      from = stamp + STAMP_LENGTH;
    } else {
      break;
    }
    reply->scanned = from - reply->buffer;
  }
  size_t safe = reply->length > UNSCANNED ? reply->length - UNSCANNED : 0;
  if (reply->scanned < safe)
    reply->scanned = safe;
}

static int is_complete(const struct reply *reply) {
  if (reply->content_length >= 0)
    return reply->length >= reply->head_length + reply->content_length;
  if (!reply->is_chunked || reply->length < reply->head_length + 5)
    return 0;
  const char *end = reply->buffer + reply->length;
  if (memcmp(end - 5, "0\r\n\r\n", 5))
    return 0;
  return reply->length == reply->head_length + 5 || !memcmp(end - 7, "\r\n", 2);
}

/* `count` bytes more are in the buffer. Returns whether the answer is complete. */
static int reply_received(struct reply *reply, size_t count, int64_t now, int recording) {
  if (reply->length == 0 && recording)
    push(&first_byte, (now - reply->started_at) / 1e3);
  reply->length += count;
  if (!reply->head_length)
    parse_head(reply);
  if (!reply->head_length)
    return 0;
  scan(reply, now, recording);
  return is_complete(reply);
}
