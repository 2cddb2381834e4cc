/*
 * wire - the bare rate of the transport: a DEALER that sends and a ROUTER that reads, two processes,
 * over ipc, frames of N messages of SIZE bytes, nothing stored, nothing answered.
 *
 * Prints one JSON line: {"messages":N,"rate":...}.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/wire/socket.h"

static double
now(void)
{
	struct timespec at;
	(void) clock_gettime(CLOCK_MONOTONIC, &at);
	return (double) at.tv_sec + (double) at.tv_nsec / 1e9;
}

static int
send_all(const char *endpoint, size_t size, unsigned long frames)
{
	ph_socket *socket = NULL;
	char *data = calloc(1, size);
	if (data == NULL || ph_dealer_new(endpoint, NULL, &socket, NULL) != PH_OK)
		return 1;
	for (unsigned long i = 0; i < frames;) {
		if (ph_socket_send(socket, NULL, data, size, NULL) == PH_OK)
			i++;
		else
			(void) ph_socket_wait(socket, -1, 1);
	}
	/* the reader's one byte says that it has everything */
	ph_received received;
	while (ph_socket_receive(socket, &received, NULL) != PH_OK)
		(void) ph_socket_wait(socket, -1, 100);
	ph_socket_destroy(&socket);
	free(data);
	return 0;
}

static double
receive_all(ph_socket *socket, unsigned long frames)
{
	ph_received received = {.length = 0};
	double first = 0;
	for (unsigned long got = 0; got < frames;) {
		if (ph_socket_receive(socket, &received, NULL) != PH_OK) {
			(void) ph_socket_wait(socket, -1, 1000);
			continue;
		}
		if (got++ == 0)
			first = now();
	}
	double taken = now() - first;
	(void) ph_socket_send(socket, &received.peer, "d", 1, NULL);
	return taken;
}

int
main(int argc, char **argv)
{
	if (argc != 4) {
		(void) fprintf(stderr, "usage: wire MESSAGES SIZE PER-FRAME\n");
		return 2;
	}
	unsigned long messages = strtoul(argv[1], NULL, 10);
	size_t size = strtoul(argv[2], NULL, 10);
	unsigned long batch = strtoul(argv[3], NULL, 10);
	char endpoint[64];
	(void) snprintf(
	    endpoint, sizeof endpoint, "ipc:///tmp/packhorse-wire-%d", (int) getpid());
	int bound[2]; /* tells the sender that there is somebody to connect to */
	char byte;
	if (pipe(bound) != 0)
		return 1;
	pid_t child =
	    fork(); /* before any socket: libzmq's threads do not survive a fork */
	if (child == 0)
		return read(bound[0], &byte, 1) != 1 ||
		       send_all(endpoint, size * batch, messages / batch);
	ph_socket *socket = NULL;
	if (ph_router_new(0, &socket, NULL) != PH_OK ||
	    ph_router_bind(socket, endpoint, NULL, NULL) != PH_OK)
		return 1;
	if (write(bound[1], "b", 1) != 1)
		return 1;
	double taken = receive_all(socket, messages / batch);
	(void) waitpid(child, NULL, 0);
	ph_socket_destroy(&socket);
	(void) unlink(endpoint + strlen("ipc://"));
	(void) printf(
	    "{\"messages\":%lu,\"rate\":%.0f}\n", messages, (double) messages / taken);
	return 0;
}
