/*
 * Fake OpenAI-style upstream on 127.0.0.1: one thread, epoll, HTTP/1.1 keep-alive.
 *
 *   mock PORT:LATENCY_US:CHUNK_GAP_US ...
 *
 * Each port waits LATENCY_US before its answer, and CHUNK_GAP_US between the chunks of a stream (0: all in one
 * write). A POST to any path ending in /chat/completions gets a completion, or 30 SSE chunks and the usage when its
 * body asks for a stream; to a path with "embeddings" 1536 numbers. Any GET gets counters.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "answers.h"
#include "connection.h"

#define MAX_PORTS 16

static int epoll_fd;
static struct port ports[MAX_PORTS];
static uint64_t requests, streams, finished, aborted, accepted, open_now;

static int take_request(struct connection *connection);

/* A connection with a timer is freed when that comes due. */
static void hang_up(struct connection *connection) {
  if (connection->fd >= 0) {
    close(connection->fd);
    connection->fd = -1;
    open_now--;
  }
  if (connection->has_timer)
    return;
  free(connection->buffer);
  free(connection);
}

static int send_all(struct connection *connection, const char *bytes, size_t length) {
  size_t offset = 0;
  while (offset < length) {
    ssize_t count = send(connection->fd, bytes + offset, length - offset, MSG_NOSIGNAL);
    if (count >= 0)
      offset += count;
    else if (errno == EAGAIN)
      usleep(50);
    else
      return -1;
  }
  return 0;
}

/* -1: the client is gone. */
static int answer(struct connection *connection, const char *bytes, size_t length) {
  if (send_all(connection, bytes, length) < 0)
    return -1;
  connection->busy = 0;
  return take_request(connection);
}

static int answer_counters(struct connection *connection) {
  char out[1024], body[512];
  int length =
      sprintf(body, "{\"requests\":%lu,\"streams\":%lu,\"done\":%lu,\"aborted\":%lu,\"conns\":%lu,\"open\":%lu}",
              requests, streams, finished, aborted, accepted, open_now);
  return answer(connection, out, write_json(out, body, length));
}

/* The next chunk, or all of them when there is no gap; the usage and [DONE] go together. */
static int answer_stream(struct connection *connection) {
  static char out[BUFFER];
  int length = 0, from = connection->step;
  int64_t now = now_ns();
  if (from == 0) {
    streams++;
    length = sprintf(out, "%s", STREAM_HEAD);
  }
  int until = connection->port->gap == 0 || from == CHUNKS + 1 ? STEPS : from + 1;
  while (connection->step < until)
    length += write_event(out + length, connection->step++, now);
  if (connection->step == STEPS)
    length += sprintf(out + length, "0\r\n\r\n");
  if (send_all(connection, out, length) < 0) {
    aborted++;
    return -1;
  }
  if (connection->step < STEPS) {
    set_timer(connection, connection->port->gap);
    return 0;
  }
  finished++;
  connection->busy = 0;
  return take_request(connection);
}

static int respond(struct connection *connection) {
  static char out[BUFFER];
  switch (connection->kind) {
  case CHAT: return answer(connection, out, write_chat(out, connection->received_at));
  case EMBEDDINGS: return answer(connection, out, write_embedding(out));
  case COUNTERS: return answer_counters(connection);
  default: return answer_stream(connection);
  }
}

static int take_request(struct connection *connection) {
  size_t head_length, total;
  if (connection->busy || !(total = request_length(connection->buffer, connection->length, &head_length)))
    return 0;
  char *buffer = connection->buffer;
  connection->received_at = now_ns();
  connection->kind = kind_of(buffer, buffer + head_length, total - head_length);
  connection->busy = 1;
  connection->step = 0;
  connection->length -= total;
  memmove(buffer, buffer + total, connection->length);
  requests++;
  if (connection->port->latency == 0 || connection->kind == COUNTERS)
    return respond(connection);
  set_timer(connection, connection->port->latency);
  return 0;
}

static int receive(struct connection *connection) {
  if (connection->length >= BUFFER - 1)
    return -1;
  size_t room = BUFFER - 1 - connection->length;
  ssize_t count = recv(connection->fd, connection->buffer + connection->length, room, 0);
  if (count < 0)
    return errno == EAGAIN ? 0 : -1;
  if (count == 0)
    return -1;
  connection->length += count;
  return take_request(connection);
}

static void on_readable(struct connection *connection) {
  if (connection->fd < 0 || receive(connection) == 0)
    return;
  if (connection->busy && connection->kind == STREAM && connection->step > 0)
    aborted++;
  hang_up(connection);
}

static void accept_all(struct port *port) {
  int fd, one = 1;
  while ((fd = accept4(port->fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    struct connection *connection = calloc(1, sizeof *connection);
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = connection};
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    connection->fd = fd;
    connection->port = port;
    connection->buffer = malloc(BUFFER);
    accepted++;
    open_now++;
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
  }
}

static void run_timers(void) {
  int64_t now = now_ns();
  struct connection *connection;
  for (int i = 0; i < queue_count; i++)
    while ((connection = take_due(&queues[i], now)))
      if (connection->fd < 0 || respond(connection) < 0)
        hang_up(connection);
}

static void serve(void) {
  struct epoll_event events[512];
  for (;;) {
    struct timespec pause;
    int count = epoll_pwait2(epoll_fd, events, 512, until_next_timer(&pause) ? &pause : NULL, NULL);
    for (int i = 0; i < count; i++) {
      struct port *port = events[i].data.ptr;
      if (port >= ports && port < ports + MAX_PORTS)
        accept_all(port);
      else
        on_readable(events[i].data.ptr);
    }
    run_timers();
  }
}

static void listen_on(struct port *port, int number) {
  int one = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(number)};
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = port};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  port->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt(port->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(port->fd, (struct sockaddr *)&address, sizeof address) || listen(port->fd, 4096)) {
    perror("bind");
    exit(1);
  }
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, port->fd, &event);
}

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN);
  epoll_fd = epoll_create1(0);
  for (int i = 1; i < argc && i <= MAX_PORTS; i++) {
    int number;
    long latency, gap;
    if (sscanf(argv[i], "%d:%ld:%ld", &number, &latency, &gap) != 3)
      return 2;
    ports[i - 1] = (struct port){.latency = latency * 1000, .gap = gap * 1000};
    listen_on(&ports[i - 1], number);
  }
  serve();
}
