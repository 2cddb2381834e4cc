/*
 * socket - the ZeroMQ sockets of a session, with every limit set. The only place of zmq.h.
 *
 * Thread: owner. Errors: PH_ERR_IO with errno of libzmq, PH_ERR_AGAIN, PH_ERR_CLOSED.
 */
#ifndef PH_WIRE_SOCKET_H
#define PH_WIRE_SOCKET_H

#include <stdbool.h>
#include <stdint.h>
#include <packhorse/error.h>
#include "lib/base/buffer.h"
#include "lib/wire/holder.h"

#define PH_PEER_MAX 16 /* bytes of a ROUTER's peer identity */

/* Who is at the other end of a ROUTER's frame. Peers with longer identities are ignored. */
typedef struct ph_peer {
	uint8_t length;
	uint8_t bytes[PH_PEER_MAX];
} ph_peer;

typedef struct ph_socket ph_socket;
typedef struct ph_curve {
	const char *public_key, *secret_key; /* Z85, 40 characters; ours */
	const char *server_key;		     /* the broker's; NULL on the broker */
	const char *const
	    *allowed; /* clients' public keys, NULL-terminated; broker only */
} ph_curve;

/* The broker's end. Bind as many endpoints as needed. `max_sockets` caps connections. */
ph_status ph_router_new(int max_sockets, ph_socket **out, ph_error *err);
/* Before it is bound: read at most so many frames ahead of each peer, instead of 2,048. It may not
 * change later: libzmq 4.3.4 would then let a peer whose frames were all read wait for ever. */
ph_status ph_router_ahead(ph_socket *socket, int frames, ph_error *err);
/* tcp:// without curve: PH_ERR_DENIED. */
ph_status ph_router_bind(
    ph_socket *socket, const char *endpoint, const ph_curve *curve, ph_error *err);
/* A client's end, connecting in the background, once: after a loss (ph_socket_lost) make another. */
ph_status ph_dealer_new(
    const char *endpoint, const ph_curve *curve, ph_socket **out, ph_error *err);
void ph_socket_destroy(ph_socket **socket_p);
/* DEALER: has the connection been lost, or could it not be made? */
bool ph_socket_lost(ph_socket *socket);
/* For ph_loop_socket. */
void *ph_socket_handle(ph_socket *socket);

/* A received frame: all borrowed until the next receive, but the bytes stay for as long as their holder
 * has another user, also past the socket's end. */
typedef struct ph_received {
	ph_peer peer; /* ROUTER only */
	const void *bytes;
	size_t length;
	ph_holder *holder; /* of the bytes */
	const char
	    *user; /* ROUTER: the CURVE key (Z85) that the peer has proven, or NULL */
} ph_received;
/* Never waits: PH_ERR_AGAIN when nothing is there. */
ph_status ph_socket_receive(ph_socket *socket, ph_received *out, ph_error *err);
/* Send a copy of the frame. ROUTER: to `peer`; PH_ERR_CLOSED if it is gone, PH_ERR_AGAIN if it reads
 * too slowly. DEALER: peer NULL; PH_ERR_AGAIN at the high-water mark. */
ph_status ph_socket_send(ph_socket *socket, const ph_peer *peer, const void *bytes,
    size_t length, ph_error *err);
/* The same, the buffer's memory handed over without a copy; the buffer is empty afterwards, or as it was
 * if nothing was sent. */
ph_status ph_socket_send_buffer(
    ph_socket *socket, const ph_peer *peer, ph_buffer *frame, ph_error *err);
/* DEALER: bytes in a holder's keeping, without a copy; the socket is one more user until they have gone. */
ph_status ph_socket_send_held(ph_socket *socket, ph_holder *holder, const void *bytes,
    size_t length, ph_error *err);
/* Wait until the socket can be read or is lost, `extra_fd` (-1: none) can be read, or the time is over.
 * True if extra_fd can be read. */
bool ph_socket_wait(ph_socket *socket, int extra_fd, int timeout_ms);
/* The reasons libzmq gives, as text. */
const char *ph_socket_reason(int sys_errno);

#endif
