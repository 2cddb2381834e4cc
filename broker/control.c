/*
 * How it works: whoever knocks becomes a peer (control_peer.c), as long as there are not too many;
 * what peers ask is answered in control_verbs.c.
 */
#include "broker/control.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/control_part.h"
#include "lib/base/assert.h"
#include "lib/base/os.h"

#define MAGIC	   0x50484354u /* "PHCT" */
#define PEERS_MOST 32
#define LINE_MOST  (1u << 20)

static void
refuse(int fd)
{
	static const char text[] =
	    "{\"end\":true,\"exit\":1,\"error\":{\"status\":\"full\",\"where\":\"\","
	    "\"text\":"
	    "\"PH7036 too many command lines are connected; try again\"}}\n";
	(void) send(fd, text, sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

static void
on_door(void *self, int fd, short revents)
{
	ph_control *control = PH_CAST(ph_control, self, MAGIC);
	(void) revents;
	int new = -1;
	if (ph_os_accept(fd, &new, NULL) != PH_OK)
		return; /* it went away again, or we are out of descriptors: the next turn tries */
	if (control->count >= control->peers_most)
		refuse(new);
	else
		ph_control_peer_add(control, new);
}

ph_status
ph_control_open(const ph_control_options *options, ph_control **out, ph_error *err)
{
	ph_control *control = calloc(1, sizeof *control);
	char *path = strdup(options->path);
	if (control == NULL || path == NULL) {
		free(control);
		free(path);
		return ph_fail(err, PH_ERR_NOMEM, "no memory for the control socket");
	}
	*control = (ph_control){
	    .magic = MAGIC,
	    .loop = options->loop,
	    .broker = options->broker,
	    .ledger = options->ledger,
	    .answer = ph_control_answer,
	    .fd = -1,
	    .path = path,
	    .peers_most = options->peers_most > 0 ? options->peers_most : PEERS_MOST,
	    .line_most = options->line_most > 0 ? options->line_most : LINE_MOST,
	};
	ph_status status = ph_os_listen(path, 0660, &control->fd, err);
	if (status == PH_OK)
		status = ph_loop_fd(
		    control->loop, control->fd, POLLIN, on_door, control, err);
	if (status != PH_OK) {
		ph_control_close(&control);
		return status;
	}
	*out = control;
	return PH_OK;
}

void
ph_control_close(ph_control **control_p)
{
	ph_control *control = *control_p;
	*control_p = NULL;
	if (control == NULL)
		return;
	PH_ASSERT(control->magic == MAGIC);
	while (control->peers != NULL)
		ph_control_peer_close(control->peers);
	if (control->fd >= 0) {
		ph_loop_forget_fd(control->loop, control->fd);
		close(control->fd);
		(void) unlink(control->path);
	}
	free(control->path);
	control->magic = 0;
	free(control);
}
