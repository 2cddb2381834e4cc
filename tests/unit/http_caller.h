/*
 * http_caller - the smallest HTTP client, for tests of servers: one raw request, the answer whole.
 */
#ifndef PH_TESTS_HTTP_CALLER_H
#define PH_TESTS_HTTP_CALLER_H

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct http_caller {
	char answer[65536];
	unsigned status;
	const char *body;
} http_caller;

static inline void
http_call(http_caller *c, unsigned port, const char *request)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t) port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *) &at, sizeof at), 0);
	(void) send(fd, request, strlen(request), MSG_NOSIGNAL);
	size_t have = 0;
	ssize_t got = 0;
	while (have < sizeof c->answer - 1 &&
	       (got = recv(fd, c->answer + have, sizeof c->answer - 1 - have, 0)) > 0)
		have += (size_t) got;
	c->answer[have] = '\0';
	c->status = have > 12 ? (unsigned) strtoul(c->answer + 9, NULL, 10) : 0;
	const char *head = strstr(c->answer, "\r\n\r\n");
	c->body = head ? head + 4 : "";
	(void) close(fd);
}

static inline void
http_post(
    http_caller *c, unsigned port, const char *path, const char *type, const char *body)
{
	char request[32768];
	snprintf(request, sizeof request,
	    "POST %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Type: %s\r\n"
	    "Content-Length: %zu\r\n\r\n%s",
	    path, type, strlen(body), body);
	http_call(c, port, request);
}

static inline void
http_get(http_caller *c, unsigned port, const char *path)
{
	char request[4096];
	snprintf(request, sizeof request,
	    "GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", path);
	http_call(c, port, request);
}

/* A port that is free now. */
static inline unsigned
http_free_port(void)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *) &at, size), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *) &at, &size), 0);
	(void) close(fd);
	return ntohs(at.sin_port);
}

#endif
