/*
 * line - a TCP connection for protocols that a human could type: NATS and STOMP.
 *
 * Thread: owner. Errors: bench_die.
 */
#ifndef PH_BENCH_LINE_H
#define PH_BENCH_LINE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct line_connection line_connection;

line_connection *line_open(const char *host, int port);
void line_close(line_connection **connection_p);

/* Keep bytes for the next flush; a full buffer is sent by itself. */
void line_put(line_connection *connection, const void *bytes, size_t length);
void line_print(line_connection *connection, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void line_flush(line_connection *connection);

/* Wait at most so many seconds until more has come, and read it. False: nothing came. */
bool line_fill(line_connection *connection, double seconds);
/* Everything that is read and not taken; borrowed until the next fill. Zero-terminated. */
const char *line_peek(const line_connection *connection, size_t *length);
void line_take(line_connection *connection, size_t length);

#endif
