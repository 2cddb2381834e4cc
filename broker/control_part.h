/*
 * control_part - the control socket from the inside: its door (control.c), its connections
 * (control_peer.c) and what is asked on them (control_verbs.c).
 *
 * Thread: the loop. Errors: none leave here; they become last lines of answers.
 */
#ifndef PH_BROKER_CONTROL_PART_H
#define PH_BROKER_CONTROL_PART_H

#include <stdbool.h>
#include <sys/types.h>

#include "broker/control.h"
#include "lib/base/buffer.h"

/* One connection. */
typedef struct ph_control_peer {
	uint32_t magic;
	struct ph_control_peer *next;
	ph_control *control;
	int fd;	      /* -1: hung up; freed once nothing is under way */
	uid_t uid;    /* who is there */
	pid_t pid;    /* which process */
	bool busy;    /* a request is being answered */
	bool reading; /* requests are being taken from `in` just now */
	bool
	    splice; /* the answer is the status: the ledger's state goes into its row */
	bool finished; /* the other side will not ask any more */
	ph_buffer in;  /* a part of a request */
	ph_buffer out; /* what the socket did not take yet */
	/* what the ledger's rows are filtered by, for xref.get */
	char entity[128], system[128], key[512];
} ph_control_peer;

struct ph_control {
	uint32_t magic;
	ph_loop *loop;
	struct ph_broker *broker;
	ph_ledger *ledger;
	/* Answer one request line: rows, then exactly one end, now or later. */
	void (*answer)(ph_control_peer *peer, const char *line, size_t length);
	int fd;		   /* listening */
	char *path;	   /* of the socket */
	size_t peers_most; /* connections at a time */
	size_t line_most;  /* bytes of a request */
	size_t count;	   /* of peers */
	ph_control_peer *peers;
};

/* --- control_peer.c --- */

/* Take the connection in; one that there is no memory for is closed. */
void ph_control_peer_add(ph_control *control, int fd);
/* Write what the socket takes at once, hang up, free. */
void ph_control_peer_close(ph_control_peer *peer);
/* Append one row (without its newline), or end the answer. */
void ph_control_row(ph_control_peer *peer, const char *json, size_t length);
void ph_control_end(ph_control_peer *peer, const ph_error *err);

/* --- control_verbs.c --- */

/* As ph_control.answer says. */
void ph_control_answer(ph_control_peer *peer, const char *line, size_t length);

#endif
