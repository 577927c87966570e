/*
 * Load generator: one thread, epoll, HTTP/1.1 keep-alive to 127.0.0.1. Prints one JSON object.
 *
 *   load -p PORT -P PATH -f BODY_FILE -c CONNECTIONS -d SECONDS -w WARM_UP_SECONDS
 *        [-H "Name: value"]...   further request headers
 *        [-r RATE]               open loop: that many requests a second, timed from when each was due
 *        [-n REQUESTS]           stop after so many
 *        [-a EVENTS]             hang up on a stream after so many events
 *
 * Without -r the loop is closed: every connection sends its next request when the last one is answered.
 * Without -f the request is a GET. Requests of the warm-up are sent but not recorded.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "reply.h"
#include "request.h"

#define DRAIN_NS 15000000000LL /* how long the last answers may take */
#define ALL_BUSY_WAIT_NS 200000

static int epoll_fd, in_flight, recording, stopping;
static int64_t due_at, record_from, record_until, recorded_from, recorded_until;
static struct reply *replies;
static struct samples latency;
static uint64_t ok_count, error_count, bytes, late, reconnects, sent;
static char error_sample[600];

static void open_connection(struct reply *reply) {
  int one = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = reply};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  reply->fd = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(reply->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(reply->fd, (struct sockaddr *)&address, sizeof address)) {
    perror("connect");
    exit(1);
  }
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, reply->fd, &event);
}

static void reopen(struct reply *reply) {
  close(reply->fd);
  open_connection(reply);
}

static void send_request(struct reply *reply, int64_t started_at) {
  reply_reset(reply, started_at);
  sent++;
  in_flight++;
  size_t offset = 0;
  while (offset < request_length) {
    ssize_t count = send(reply->fd, request + offset, request_length - offset, MSG_NOSIGNAL);
    if (count > 0) {
      offset += count;
      continue;
    }
    reconnects++;
    reopen(reply);
    offset = 0;
  }
}

static int may_send(void) { return !stopping && (!max_requests || sent < max_requests); }

/* The request is over; in a closed loop the connection sends its next one. */
static void next_request(struct reply *reply) {
  reply->busy = 0;
  in_flight--;
  if (rate == 0 && may_send())
    send_request(reply, now_ns());
}

static void on_answer(struct reply *reply, int64_t now) {
  if (reply->status == 200) {
    if (recording) {
      ok_count++;
      push(&latency, (now - reply->started_at) / 1e3);
    }
  } else {
    if (!error_count)
      memcpy(error_sample, reply->buffer, reply->length < 500 ? reply->length : 500);
    error_count++;
  }
  if (reply->says_close) {
    reconnects++;
    reopen(reply);
  }
  next_request(reply);
}

static void on_hang_up(struct reply *reply) {
  reconnects++;
  reopen(reply);
  if (reply->busy) {
    error_count++;
    next_request(reply);
  }
}

static void on_readable(struct reply *reply) {
  ssize_t count = recv(reply->fd, reply->buffer + reply->length, REPLY_BUFFER - reply->length, MSG_DONTWAIT);
  int64_t now = now_ns();
  if (count < 0 && errno == EAGAIN)
    return;
  if (count <= 0) {
    on_hang_up(reply);
    return;
  }
  if (!reply->busy)
    return;
  if (recording)
    bytes += count;
  int complete = reply_received(reply, count, now, recording);
  if (complete) {
    on_answer(reply, now);
  } else if (abort_after && reply->events >= abort_after) {
    ok_count += recording;
    reopen(reply);
    next_request(reply);
  } else if (reply->length >= REPLY_BUFFER - 10) {
    fprintf(stderr, "an answer is larger than %d bytes\n", REPLY_BUFFER);
    exit(1);
  }
}

static struct reply *idle_connection(void) {
  static int turn;
  for (int k = 0; k < connections; k++) {
    int i = (turn + k) % connections;
    if (!replies[i].busy) {
      turn = i + 1;
      return &replies[i];
    }
  }
  return NULL;
}

/* Open loop: sends what is due. Returns nanoseconds until there is something to do again. */
static int64_t send_due(int64_t now, int64_t wait) {
  while (due_at <= now && may_send()) {
    struct reply *reply = idle_connection();
    if (!reply) {
      late++;
      return ALL_BUSY_WAIT_NS;
    }
    send_request(reply, due_at);
    due_at += 1e9 / rate;
  }
  return due_at > now && due_at - now < wait ? due_at - now : wait;
}

/* Returns 0 when the run is over. */
static int advance(int64_t now) {
  if (!recording && now >= record_from && now < record_until) {
    recording = 1;
    recorded_from = now;
  }
  int all_answered = max_requests && sent >= max_requests && in_flight == 0;
  if (!stopping && (now >= record_until || all_answered)) {
    stopping = 1;
    recording = 0;
    recorded_until = now;
  }
  return !stopping || (in_flight > 0 && now <= record_until + DRAIN_NS);
}

static void run(void) {
  struct epoll_event events[1024];
  int64_t now = now_ns(), started_at = now;
  due_at = now;
  record_from = now + warm_up * 1e9;
  record_until = record_from + seconds * 1e9;
  for (int i = 0; rate == 0 && i < connections; i++)
    send_request(&replies[i], now_ns());
  while (advance(now = now_ns())) {
    int64_t until = stopping ? record_until + DRAIN_NS : recording ? record_until : record_from;
    int64_t wait = until > now ? until - now : 0;
    if (rate > 0 && !stopping)
      wait = send_due(now, wait);
    struct timespec pause = {wait / 1000000000, wait % 1000000000};
    int count = epoll_pwait2(epoll_fd, events, 1024, &pause, NULL);
    for (int i = 0; i < count; i++)
      on_readable(events[i].data.ptr);
  }
  if (!recorded_from)
    recorded_from = started_at;
}

static void print_result(void) {
  double elapsed = (recorded_until - recorded_from) / 1e9;
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  double cpu =
      usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  sort(&latency);
  sort(&first_byte);
  sort(&first_event);
  sort(&chunk_delay);
  printf("{\"ok\":%lu,\"err\":%lu,\"secs\":%.2f,\"rps\":%.1f,\"evps\":%.0f,", ok_count, error_count, elapsed,
         ok_count / elapsed, recorded_events / elapsed);
  printf("\"lat_us\":{\"mean\":%.0f,\"p50\":%.0f,\"p95\":%.0f,\"p99\":%.0f,\"max\":%.0f},", mean(&latency),
         percentile(&latency, .5), percentile(&latency, .95), percentile(&latency, .99), percentile(&latency, 1));
  printf("\"ttfb_us\":{\"p50\":%.0f,\"p99\":%.0f},", percentile(&first_byte, .5), percentile(&first_byte, .99));
  printf("\"ttft_us\":{\"p50\":%.0f,\"p95\":%.0f,\"p99\":%.0f},", percentile(&first_event, .5),
         percentile(&first_event, .95), percentile(&first_event, .99));
  printf("\"chunkdelay_us\":{\"n\":%zu,\"p50\":%.0f,\"p95\":%.0f,\"p99\":%.0f},", chunk_delay.count,
         percentile(&chunk_delay, .5), percentile(&chunk_delay, .95), percentile(&chunk_delay, .99));
  printf("\"bytes\":%lu,\"late\":%lu,\"reconn\":%lu,\"sent\":%lu,\"lg_cpu\":%.2f}\n", bytes, late, reconnects, sent,
         cpu);
  if (error_count)
    fprintf(stderr, "first error: %s\n", error_sample);
}

int main(int argc, char **argv) {
  read_options(argc, argv);
  build_request();
  epoll_fd = epoll_create1(0);
  replies = calloc(connections, sizeof *replies);
  for (int i = 0; i < connections; i++) {
    replies[i].buffer = malloc(REPLY_BUFFER);
    open_connection(&replies[i]);
  }
  run();
  print_result();
  return 0;
}
