/* What the fake upstream says: a chat completion, 30 SSE chunks with usage, embeddings. */
#pragma once
#include <stdint.h>
#include <stdio.h>

#define CHUNKS 30
#define STEPS (CHUNKS + 3) /* the chunks, finish reason, usage, [DONE] */
#define USAGE                                                                                                        \
  "{\"prompt_tokens\":210,\"completion_tokens\":30,\"total_tokens\":240,"                                            \
  "\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0},"                                              \
  "\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0}}"
#define CHUNK_HEAD                                                                                                   \
  "data: {\"id\":\"chatcmpl-mock123456789\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,"            \
  "\"model\":\"gpt-4o-mini\",\"system_fingerprint\":\"fp_mock\",\"choices\":["

static const char STREAM_HEAD[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
                                  "Transfer-Encoding: chunked\r\nCache-Control: no-cache\r\n"
                                  "x-request-id: req_mock\r\n\r\n";

static int write_json(char *out, const char *body, int length) {
  return sprintf(out,
                 "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
                 "x-request-id: req_mock\r\n\r\n%.*s",
                 length, length, body);
}

/* `stamp`: CLOCK_MONOTONIC nanoseconds, read back by the load generator. */
static int write_chat(char *out, int64_t stamp) {
  char body[2048];
  int length = sprintf(
      body,
      "{\"id\":\"chatcmpl-mock123456789\",\"object\":\"chat.completion\",\"created\":1760000000,"
      "\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
      "\"content\":\"Hello! This is a mocked answer from the fast upstream. @T%016lld\",\"refusal\":null},"
      "\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":" USAGE ",\"system_fingerprint\":\"fp_mock\"}",
      (long long)stamp);
  return write_json(out, body, length);
}

static int write_event(char *out, int step, int64_t stamp) {
  char event[1024];
  int length;
  if (step < CHUNKS)
    length = sprintf(event,
                     CHUNK_HEAD "{\"index\":0,\"delta\":{%s\"content\":\" token%d @T%016lld\"},"
                                "\"logprobs\":null,\"finish_reason\":null}]}\n\n",
                     step == 0 ? "\"role\":\"assistant\"," : "", step, (long long)stamp);
  else if (step == CHUNKS)
    length =
        sprintf(event, CHUNK_HEAD "{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}]}\n\n");
  else if (step == CHUNKS + 1)
    length = sprintf(event, CHUNK_HEAD "],\"usage\":" USAGE "}\n\n");
  else
    length = sprintf(event, "data: [DONE]\n\n");
  return sprintf(out, "%x\r\n%.*s\r\n", length, length, event);
}

static int write_embedding(char *out) {
  static char body[40000];
  static int length;
  if (!length) {
    length = sprintf(body, "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":[");
    for (int i = 0; i < 1536; i++)
      length += sprintf(body + length, "%s%.7f", i ? "," : "", (i % 97 - 48) / 1000.0);
    length += sprintf(body + length, "]}],\"model\":\"text-embedding-3-small\","
                                     "\"usage\":{\"prompt_tokens\":8,\"total_tokens\":8}}");
  }
  return write_json(out, body, length);
}
