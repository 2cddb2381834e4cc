/*
 * How it works: one ZeroMQ context per socket, with one I/O thread. Every limit that protects us from a
 * stranger is set before bind or connect: frame size, handshake time, high-water marks, connections,
 * ROUTER_MANDATORY (else libzmq drops silently). A ROUTER that serves TCP has a ZAP handler (ZeroMQ
 * RFC 27) running before it binds: without one libzmq would accept any CURVE key.
 *
 * A received frame stands in a holder. If nobody else uses that when the next frame is asked for, it serves
 * again; else it is left to its users, and the socket takes a new one.
 *
 * A DEALER does not reconnect by itself: after a loss the session above must prove itself anew, so it
 * makes a new socket. A monitor tells of the loss at once.
 */
#include "lib/wire/socket.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "lib/base/assert.h"
#include "lib/base/thread.h"
#include "lib/wire/frame.h"

#define MAGIC		     0x50485357u /* "PHSW" */
#define HANDSHAKE_MS	     5000
#define HEARTBEAT_MS	     5000
#define HEARTBEAT_TIMEOUT_MS 15000
#define RECEIVE_HWM	     2048 /* ROUTER: frames of one peer that wait to be read */
#define SEND_HWM	     1000 /* ROUTER: that wait for one peer to read them */
#define NO_HWM		     0	  /* DEALER: credit and the window bound both ways */
#define LINGER_MS	     300
#define KERNEL_BYTES	     (1 << 20) /* the system's own buffers: fewer wake-ups */
#define ZAP_ENDPOINT	     "inproc://zeromq.zap.01"
#define ZAP_FIELD	     256

struct ph_socket {
	uint32_t magic;
	bool router;
	bool lost;    /* DEALER: the monitor saw the connection go */
	bool drained; /* nothing to receive when last asked, and nothing sent since */
	bool monitor_drained; /* the same of the monitor */
	bool monitor_quiet;   /* it still was at the end of the last wait */
	bool zap_running;
	int fd, monitor_fd; /* readable when there may be something new */
	void *context;
	void *handle;
	void *monitor;	    /* DEALER: PAIR that carries the events */
	ph_holder *holder;  /* of the frame handed out last */
	zmq_msg_t *message; /* in the holder's room */
	pthread_t zap;
	void *zap_handle; /* REP of the key check; its thread's once that runs */
	char **allowed;	  /* CURVE keys the ZAP thread accepts; NULL-terminated */
};

const char *
ph_socket_reason(int sys_errno)
{
	return zmq_strerror(sys_errno);
}

static ph_status
zmq_fail(ph_error *err, const char *what)
{
	int reason = zmq_errno();
	ph_status status =
	    ph_fail(err, PH_ERR_IO, "PH6301 %s: %s", what, zmq_strerror(reason));
	if (err != NULL)
		err->sys_errno = reason;
	return status;
}

static bool
set_int(void *handle, int option, int value)
{
	return zmq_setsockopt(handle, option, &value, sizeof value) == 0;
}

/* Its descriptor tells only of what is new since the socket was last asked and had nothing. */
static bool
get_fd(void *handle, int *fd)
{
	size_t size = sizeof *fd;
	return zmq_getsockopt(handle, ZMQ_FD, fd, &size) == 0;
}

static bool
set_limits(void *handle, bool router)
{
	int64_t most = PH_FRAME_MAX;
	return zmq_setsockopt(handle, ZMQ_MAXMSGSIZE, &most, sizeof most) == 0 &&
	       set_int(handle, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS) &&
	       set_int(handle, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS) &&
	       set_int(handle, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS) &&
	       set_int(handle, ZMQ_RCVHWM, router ? RECEIVE_HWM : NO_HWM) &&
	       set_int(handle, ZMQ_SNDHWM, router ? SEND_HWM : NO_HWM) &&
	       set_int(handle, ZMQ_SNDBUF, KERNEL_BYTES) &&
	       set_int(handle, ZMQ_RCVBUF, KERNEL_BYTES) &&
	       set_int(handle, ZMQ_LINGER, LINGER_MS);
}

static void
close_message(void *room)
{
	(void) zmq_msg_close(room);
}

/* A place for the next frame. */
static bool
make_room(ph_socket *socket)
{
	if (socket->holder != NULL && ph_holder_alone(socket->holder)) {
		(void) zmq_msg_close(socket->message);
		(void) zmq_msg_init(socket->message);
		ph_holder_empty(socket->holder);
		return true;
	}
	void *room;
	ph_holder_unref(&socket->holder);
	socket->holder = ph_holder_new(sizeof *socket->message, close_message, &room);
	if (socket->holder == NULL)
		return false;
	if (socket->router)
		ph_holder_one_thread(socket->holder);
	socket->message = room;
	(void) zmq_msg_init(socket->message);
	return true;
}

static ph_status
open_socket(int type, int max_sockets, ph_socket **out, ph_error *err)
{
	ph_socket *socket = calloc(1, sizeof *socket);
	if (socket == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a socket");
	socket->magic = MAGIC;
	socket->router = type == ZMQ_ROUTER;
	socket->context = zmq_ctx_new();
	if (socket->context == NULL)
		goto fail;
	if (max_sockets > 0)
		(void) zmq_ctx_set(socket->context, ZMQ_MAX_SOCKETS, max_sockets);
	socket->handle = zmq_socket(socket->context, type);
	if (socket->handle == NULL || !set_limits(socket->handle, socket->router) ||
	    !get_fd(socket->handle, &socket->fd))
		goto fail;
	*out = socket;
	return PH_OK;
fail:
	(void) zmq_fail(err, "cannot make a ZeroMQ socket");
	ph_socket_destroy(&socket);
	return PH_ERR_IO;
}

ph_status
ph_router_new(int max_sockets, ph_socket **out, ph_error *err)
{
	ph_status status = open_socket(ZMQ_ROUTER, max_sockets, out, err);
	if (status != PH_OK)
		return status;
	if (set_int((*out)->handle, ZMQ_ROUTER_MANDATORY, 1))
		return PH_OK;
	status = zmq_fail(err, "cannot set up the broker's socket");
	ph_socket_destroy(out);
	return status;
}

ph_status
ph_router_ahead(ph_socket *socket, int frames, ph_error *err)
{
	PH_ASSERT(socket != NULL && socket->magic == MAGIC && socket->router);
	return set_int(socket->handle, ZMQ_RCVHWM, frames)
		   ? PH_OK
		   : zmq_fail(err, "cannot set up the broker's socket");
}

/* ---- ZAP: who may connect over TCP ---- */

static size_t
receive_part(void *handle, char *out, size_t size)
{
	int length = zmq_recv(handle, out, size, 0);
	return length < 0 ? 0 : ((size_t) length < size ? (size_t) length : size);
}

static void
skip_rest(void *handle)
{
	int more = 0;
	size_t size = sizeof more;
	while (zmq_getsockopt(handle, ZMQ_RCVMORE, &more, &size) == 0 && more) {
		char rest[ZAP_FIELD];
		(void) zmq_recv(handle, rest, sizeof rest, 0);
	}
}

static bool
key_allowed(char *const *allowed, const char *z85)
{
	for (size_t i = 0; allowed != NULL && allowed[i] != NULL; i++) {
		if (strcmp(allowed[i], z85) == 0)
			return true;
	}
	return false;
}

static void
send_text(void *handle, const char *text, int flags)
{
	(void) zmq_send(handle, text, strlen(text), flags);
}

/* One request of RFC 27: version, request id, domain, address, identity, mechanism, credentials. */
static void
answer_zap(void *handle, char *const *allowed)
{
	char request[ZAP_FIELD], field[ZAP_FIELD], mechanism[ZAP_FIELD + 1], key[33],
	    z85[41] = "";
	(void) receive_part(handle, field, sizeof field);
	size_t request_length = receive_part(handle, request, sizeof request);
	for (int i = 0; i < 3; i++)
		(void) receive_part(handle, field, sizeof field);
	mechanism[receive_part(handle, mechanism, ZAP_FIELD)] = 0;
	size_t key_length = 0;
	if (strcmp(mechanism, "CURVE") == 0)
		key_length = receive_part(handle, key, sizeof key);
	skip_rest(handle);
	bool ok = key_length == 32 &&
		  zmq_z85_encode(z85, (const uint8_t *) key, 32) != NULL &&
		  key_allowed(allowed, z85);
	send_text(handle, "1.0", ZMQ_SNDMORE);
	(void) zmq_send(handle, request, request_length, ZMQ_SNDMORE);
	send_text(handle, ok ? "200" : "400", ZMQ_SNDMORE);
	send_text(handle, ok ? "OK" : "key not registered", ZMQ_SNDMORE);
	send_text(handle, ok ? z85 : "", ZMQ_SNDMORE);
	send_text(handle, "", 0);
}

/* Ends when the context is shut down. */
static void *
serve_zap(void *argument)
{
	ph_socket *socket = PH_CAST(ph_socket, argument, MAGIC);
	void *handle = socket->zap_handle;
	zmq_pollitem_t item = {.socket = handle, .events = ZMQ_POLLIN};
	while (zmq_poll(&item, 1, -1) >= 0)
		answer_zap(handle, socket->allowed);
	(void) zmq_close(handle);
	return NULL;
}

static char **
copy_keys(const char *const *keys)
{
	size_t count = 0;
	while (keys != NULL && keys[count] != NULL)
		count++;
	char **copy = calloc(count + 1, sizeof *copy);
	for (size_t i = 0; copy != NULL && i < count; i++)
		copy[i] = strdup(keys[i]);
	return copy;
}

static ph_status
use_curve(ph_socket *socket, const ph_curve *curve, ph_error *err)
{
	void *handle = socket->handle;
	if (!socket->zap_running) {
		socket->allowed = copy_keys(curve->allowed);
		if (socket->allowed == NULL)
			return ph_fail(err, PH_ERR_NOMEM, "no memory for the key list");
		/* Bound before its thread runs: a peer that came in between would be let in
		 * unasked. */
		void *zap = zmq_socket(socket->context, ZMQ_REP);
		if (zap == NULL || zmq_bind(zap, ZAP_ENDPOINT) != 0 ||
		    (socket->zap_handle = zap,
			ph_thread_start(&socket->zap, "zap", serve_zap, socket)) != 0) {
			if (zap != NULL)
				(void) zmq_close(zap);
			return ph_fail(
			    err, PH_ERR_IO, "PH6302 cannot start the key check");
		}
		socket->zap_running = true;
	}
	if (!set_int(handle, ZMQ_CURVE_SERVER, 1) ||
	    zmq_setsockopt(handle, ZMQ_CURVE_SECRETKEY, curve->secret_key, 41) != 0 ||
	    zmq_setsockopt(handle, ZMQ_ZAP_DOMAIN, "packhorse", 9) != 0)
		return ph_fail(err, PH_ERR_INVALID,
		    "PH6303 the broker's CURVE secret key is not 40 characters of Z85");
	return PH_OK;
}

ph_status
ph_router_bind(
    ph_socket *socket, const char *endpoint, const ph_curve *curve, ph_error *err)
{
	PH_ASSERT(socket != NULL && socket->magic == MAGIC && socket->router);
	bool local = strncmp(endpoint, "ipc://", 6) == 0 ||
		     strncmp(endpoint, "inproc://", 9) == 0;
	if (!local && curve == NULL)
		return ph_fail_at(err, PH_ERR_DENIED, endpoint,
		    "PH6304 only local endpoints may be open without keys: give curve "
		    "keys, or use ipc");
	if (curve != NULL) {
		ph_status status = use_curve(socket, curve, err);
		if (status != PH_OK)
			return status;
	}
	if (zmq_bind(socket->handle, endpoint) != 0)
		return zmq_fail(err, endpoint);
	return PH_OK;
}

/* ---- the client's end ---- */

static ph_status
watch(ph_socket *socket, ph_error *err)
{
	if (zmq_socket_monitor(socket->handle, "inproc://monitor",
		ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CLOSED |
		    ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
		    ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
		    ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL) != 0)
		return zmq_fail(err, "cannot watch the connection");
	socket->monitor = zmq_socket(socket->context, ZMQ_PAIR);
	if (socket->monitor == NULL || !set_int(socket->monitor, ZMQ_LINGER, 0) ||
	    zmq_connect(socket->monitor, "inproc://monitor") != 0 ||
	    !get_fd(socket->monitor, &socket->monitor_fd))
		return zmq_fail(err, "cannot watch the connection");
	return PH_OK;
}

static ph_status
client_keys(void *handle, const ph_curve *curve, ph_error *err)
{
	if (zmq_setsockopt(handle, ZMQ_CURVE_SERVERKEY, curve->server_key, 41) != 0 ||
	    zmq_setsockopt(handle, ZMQ_CURVE_PUBLICKEY, curve->public_key, 41) != 0 ||
	    zmq_setsockopt(handle, ZMQ_CURVE_SECRETKEY, curve->secret_key, 41) != 0)
		return ph_fail(
		    err, PH_ERR_USAGE, "PH6305 a CURVE key is 40 characters of Z85");
	return PH_OK;
}

ph_status
ph_dealer_new(
    const char *endpoint, const ph_curve *curve, ph_socket **out, ph_error *err)
{
	ph_socket *socket = NULL;
	ph_status status = open_socket(ZMQ_DEALER, 0, &socket, err);
	if (status != PH_OK)
		return status;
	if (!set_int(socket->handle, ZMQ_RECONNECT_IVL, -1))
		status = zmq_fail(err, "cannot set up a socket");
	if (status == PH_OK && curve != NULL)
		status = client_keys(socket->handle, curve, err);
	if (status == PH_OK)
		status = watch(socket, err);
	if (status == PH_OK && zmq_connect(socket->handle, endpoint) != 0)
		status = zmq_fail(err, endpoint);
	if (status != PH_OK)
		ph_socket_destroy(&socket);
	else
		*out = socket;
	return status;
}

/* Any event that we asked for means that this connection is over. */
bool
ph_socket_lost(ph_socket *socket)
{
	PH_ASSERT(socket != NULL && socket->magic == MAGIC);
	bool quiet = socket->monitor_quiet;
	socket->monitor_quiet = false;
	while (socket->monitor != NULL && !quiet) {
		char event[ZAP_FIELD];
		if (zmq_recv(socket->monitor, event, sizeof event, ZMQ_DONTWAIT) < 0)
			break;
		skip_rest(socket->monitor);
		socket->lost = true;
	}
	socket->monitor_drained = true;
	return socket->lost;
}

void
ph_socket_destroy(ph_socket **socket_p)
{
	ph_socket *socket = *socket_p;
	*socket_p = NULL;
	if (socket == NULL)
		return;
	PH_ASSERT(socket->magic == MAGIC);
	ph_holder_unref(&socket->holder);
	if (socket->monitor != NULL) {
		(void) zmq_socket_monitor(socket->handle, NULL, 0);
		(void) zmq_close(socket->monitor);
	}
	if (socket->handle != NULL)
		(void) zmq_close(socket->handle);
	if (socket->zap_running) {
		(void) zmq_ctx_shutdown(socket->context);
		(void) pthread_join(socket->zap, NULL);
	}
	if (socket->context != NULL)
		(void) zmq_ctx_term(socket->context);
	for (size_t i = 0; socket->allowed != NULL && socket->allowed[i] != NULL; i++)
		free(socket->allowed[i]);
	free(socket->allowed);
	socket->magic = 0;
	free(socket);
}

void *
ph_socket_handle(ph_socket *socket)
{
	PH_ASSERT(socket != NULL && socket->magic == MAGIC);
	return socket->handle;
}

/* ---- frames ---- */

/* The ROUTER's first part. False: nothing there (errno), or an identity we do not serve. */
static ph_status
receive_peer(ph_socket *socket, ph_peer *peer, ph_error *err)
{
	uint8_t identity[ZAP_FIELD];
	for (;;) {
		int length =
		    zmq_recv(socket->handle, identity, sizeof identity, ZMQ_DONTWAIT);
		if (length < 0 && zmq_errno() == EINTR)
			continue;
		if (length < 0 && zmq_errno() == EAGAIN)
			return PH_ERR_AGAIN;
		if (length < 0)
			return zmq_fail(err, "cannot receive");
		if (length <= PH_PEER_MAX) {
			peer->length = (uint8_t) length;
			memcpy(peer->bytes, identity, (size_t) length);
			return PH_OK;
		}
		skip_rest(socket->handle);
	}
}

ph_status
ph_socket_receive(ph_socket *socket, ph_received *out, ph_error *err)
{
	PH_ASSERT(socket != NULL && socket->magic == MAGIC);
	socket->drained = false;
	if (!make_room(socket))
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a frame");
	for (;;) {
		if (socket->router) {
			ph_status status = receive_peer(socket, &out->peer, err);
			if (status != PH_OK)
				return status;
		}
		if (zmq_msg_recv(socket->message, socket->handle, ZMQ_DONTWAIT) < 0) {
			if (zmq_errno() == EINTR && !socket->router)
				continue;
			if (zmq_errno() != EAGAIN)
				return zmq_fail(err, "cannot receive");
			socket->drained = !socket->router;
			return PH_ERR_AGAIN;
		}
		if (!zmq_msg_more(socket->message))
			break;
		skip_rest(socket->handle); /* frames have one part: this is none */
	}
	out->bytes = zmq_msg_data(socket->message);
	out->length = zmq_msg_size(socket->message);
	out->holder = socket->holder;
	out->user = NULL;
	if (socket->router && socket->zap_running) {
		const char *user = zmq_msg_gets(socket->message, "User-Id");
		out->user = user != NULL && user[0] != 0 ? user : NULL;
	}
	return PH_OK;
}

static ph_status
send_failed(ph_error *err)
{
	int reason = zmq_errno();
	if (reason == EAGAIN)
		return ph_fail(err, PH_ERR_AGAIN, "the peer reads too slowly");
	if (reason == EHOSTUNREACH)
		return ph_fail(err, PH_ERR_CLOSED, "the peer is gone");
	return zmq_fail(err, "cannot send");
}

static ph_status
send_peer(ph_socket *socket, const ph_peer *peer, ph_error *err)
{
	PH_ASSERT(socket->router == (peer != NULL));
	socket->drained = false;
	if (peer != NULL && zmq_send(socket->handle, peer->bytes, peer->length,
				ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
		return send_failed(err);
	return PH_OK;
}

static ph_status
drop(zmq_msg_t *message, ph_status status)
{
	(void) zmq_msg_close(message);
	return status;
}

static ph_status
send_message(ph_socket *socket, zmq_msg_t *message, ph_error *err)
{
	if (zmq_msg_send(message, socket->handle, ZMQ_DONTWAIT) >= 0)
		return PH_OK;
	return drop(message, send_failed(err));
}

/* A message is made before its peer is named: after that there is no way back. */
ph_status
ph_socket_send(ph_socket *socket, const ph_peer *peer, const void *bytes, size_t length,
    ph_error *err)
{
	PH_ASSERT(socket != NULL && socket->magic == MAGIC);
	zmq_msg_t message;
	if (zmq_msg_init_size(&message, length) != 0)
		return zmq_fail(err, "cannot send");
	if (length > 0)
		memcpy(zmq_msg_data(&message), bytes, length);
	ph_status status = send_peer(socket, peer, err);
	return status == PH_OK ? send_message(socket, &message, err)
			       : drop(&message, status);
}

/* What libzmq is not to free on this thread: it was not sent, and is the caller's again. */
static _Thread_local const void *kept;

static void
free_bytes(void *bytes, void *hint)
{
	(void) hint;
	if (bytes != kept)
		free(bytes);
}

static void
let_go(void *bytes, void *hint)
{
	ph_holder *holder = hint;
	(void) bytes;
	ph_holder_unref(&holder);
}

ph_status
ph_socket_send_buffer(
    ph_socket *socket, const ph_peer *peer, ph_buffer *frame, ph_error *err)
{
	PH_ASSERT(socket != NULL && socket->magic == MAGIC && !frame->failed);
	zmq_msg_t message;
	if (zmq_msg_init_data(&message, frame->data, frame->length, free_bytes, NULL) !=
	    0)
		return zmq_fail(err, "cannot send");
	ph_status status = send_peer(socket, peer, err);
	if (status != PH_OK) {
		kept = frame->data;
		(void) zmq_msg_close(&message);
		kept = NULL;
		return status;
	}
	ph_buffer_init(frame, frame->limit);
	return send_message(socket, &message, err);
}

ph_status
ph_socket_send_held(ph_socket *socket, ph_holder *holder, const void *bytes,
    size_t length, ph_error *err)
{
	PH_ASSERT(socket != NULL && socket->magic == MAGIC && !socket->router);
	zmq_msg_t message;
	socket->drained = false;
	/* libzmq only reads what it sends */
	if (zmq_msg_init_data(&message, (void *) (uintptr_t) bytes, length, let_go,
		ph_holder_ref(holder)) != 0) {
		ph_holder_unref(&holder);
		return zmq_fail(err, "cannot send");
	}
	return send_message(socket, &message, err);
}

/* Asking it also makes its descriptor tell of what comes from now on. */
static bool
can_receive(ph_socket *socket)
{
	int events = 0;
	size_t size = sizeof events;
	return zmq_getsockopt(socket->handle, ZMQ_EVENTS, &events, &size) != 0 ||
	       (events & ZMQ_POLLIN) != 0;
}

/* zmq_poll would ask each socket twice, before and after, with some system calls each time. */
bool
ph_socket_wait(ph_socket *socket, int extra_fd, int timeout_ms)
{
	PH_ASSERT(socket != NULL && socket->magic == MAGIC);
	if (!socket->drained && can_receive(socket))
		timeout_ms = 0;
	bool watched = socket->monitor != NULL && socket->monitor_drained;
	/* poll passes over a negative one */
	struct pollfd items[] = {{.fd = extra_fd, .events = POLLIN},
	    {.fd = socket->fd, .events = POLLIN},
	    {.fd = socket->monitor != NULL ? socket->monitor_fd : -1,
		.events = POLLIN}};
	int found = poll(items, sizeof items / sizeof items[0], timeout_ms);
	socket->monitor_quiet = watched && found >= 0 && items[2].revents == 0;
	return found > 0 && (items[0].revents & POLLIN) != 0;
}
