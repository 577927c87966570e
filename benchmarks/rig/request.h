/* The command line of the load generator and the bytes it sends. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_BODY (1 << 20)

static int port, connections = 1, abort_after;
static double seconds = 5, warm_up = 1, rate;
static unsigned long max_requests;
static char *path = "/v1/chat/completions", *body_file, headers[8192];

static char *request;
static size_t request_length;

static void add_header(const char *line) {
  if (strlen(headers) + strlen(line) + 3 > sizeof headers) {
    fprintf(stderr, "too many headers\n");
    exit(2);
  }
  strcat(headers, line);
  strcat(headers, "\r\n");
}

static void read_options(int argc, char **argv) {
  int option;
  while ((option = getopt(argc, argv, "p:P:f:H:c:d:w:r:n:a:")) > 0) {
    switch (option) {
    case 'p': port = atoi(optarg); break;
    case 'P': path = optarg; break;
    case 'f': body_file = optarg; break;
    case 'H': add_header(optarg); break;
    case 'c': connections = atoi(optarg); break;
    case 'd': seconds = atof(optarg); break;
    case 'w': warm_up = atof(optarg); break;
    case 'r': rate = atof(optarg); break;
    case 'n': max_requests = atol(optarg); break;
    case 'a': abort_after = atoi(optarg); break;
    default: exit(2);
    }
  }
}

static size_t read_body(char *into) {
  FILE *file = fopen(body_file, "r");
  if (!file) {
    perror(body_file);
    exit(1);
  }
  size_t length = fread(into, 1, MAX_BODY, file);
  fclose(file);
  return length;
}

static void build_request(void) {
  char *body = malloc(MAX_BODY);
  size_t body_length = body_file ? read_body(body) : 0;
  request = malloc(body_length + strlen(path) + sizeof headers + 500);
  char *end = request;
  end += sprintf(end, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n", body_file ? "POST" : "GET", path, port);
  end += sprintf(end, "User-Agent: load\r\nAccept: */*\r\n%s", headers);
  if (body_file)
    end += sprintf(end, "Content-Type: application/json\r\nContent-Length: %zu\r\n", body_length);
  end += sprintf(end, "\r\n");
  memcpy(end, body, body_length);
  request_length = end - request + body_length;
  free(body);
}
