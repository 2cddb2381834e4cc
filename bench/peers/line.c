/*
 * How it works: one buffer each way. What is read is moved to the front when the room behind it is
 * used up.
 */
#include "bench/peers/line.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/measure.h"

#define OUT_MAX	 (256u << 10)
#define IN_MAX	 (1u << 20)
#define TEXT_MAX 2048

struct line_connection {
	int fd;
	char *out, *in;
	size_t out_length;	 /* waiting to be sent */
	size_t in_start, in_end; /* read and not taken */
};

line_connection *
line_open(const char *host, int port)
{
	line_connection *connection = calloc(1, sizeof *connection);
	bench_must(connection != NULL, "no memory");
	*connection = (line_connection){.fd = socket(AF_INET, SOCK_STREAM, 0),
	    .out = malloc(OUT_MAX),
	    .in = malloc(IN_MAX + 1)};
	bench_must(connection->out != NULL && connection->in != NULL, "no memory");
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_port = htons((uint16_t) port)};
	int one = 1;
	bench_must(inet_pton(AF_INET, host, &address.sin_addr) == 1 &&
		       connect(connection->fd, (struct sockaddr *) &address,
			   sizeof address) == 0 &&
		       setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one,
			   sizeof one) == 0,
	    "cannot connect to the broker");
	return connection;
}

void
line_close(line_connection **connection_p)
{
	line_connection *connection = *connection_p;
	*connection_p = NULL;
	(void) close(connection->fd);
	free(connection->out);
	free(connection->in);
	free(connection);
}

static void
send_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
		bench_must(sent > 0, "the broker is gone");
		bytes += sent;
		length -= (size_t) sent;
	}
}

void
line_flush(line_connection *connection)
{
	send_all(connection->fd, connection->out, connection->out_length);
	connection->out_length = 0;
}

void
line_put(line_connection *connection, const void *bytes, size_t length)
{
	if (connection->out_length + length > OUT_MAX)
		line_flush(connection);
	if (length > OUT_MAX) {
		send_all(connection->fd, bytes, length);
		return;
	}
	memcpy(connection->out + connection->out_length, bytes, length);
	connection->out_length += length;
}

void
line_print(line_connection *connection, const char *format, ...)
{
	char text[TEXT_MAX];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	bench_must(length >= 0 && (size_t) length < sizeof text, "a text too long");
	line_put(connection, text, (size_t) length);
}

bool
line_fill(line_connection *connection, double seconds)
{
	if (!bench_readable(connection->fd, seconds))
		return false;
	if (connection->in_start > 0) {
		memmove(connection->in, connection->in + connection->in_start,
		    connection->in_end - connection->in_start);
		connection->in_end -= connection->in_start;
		connection->in_start = 0;
	}
	bench_must(connection->in_end < IN_MAX, "a frame too long");
	ssize_t came = recv(connection->fd, connection->in + connection->in_end,
	    IN_MAX - connection->in_end, 0);
	bench_must(came > 0, "the broker is gone");
	connection->in_end += (size_t) came;
	connection->in[connection->in_end] = 0;
	return true;
}

const char *
line_peek(const line_connection *connection, size_t *length)
{
	*length = connection->in_end - connection->in_start;
	return connection->in + connection->in_start;
}

void
line_take(line_connection *connection, size_t length)
{
	connection->in_start += length;
}
