/*
 * A list under a mutex, and a pipe with one byte in it while the list is not empty.
 */
#include "adapters/host/mailbox.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>
#include "lib/base/assert.h"

struct ph_mailbox {
	void *self;
	pthread_mutex_t lock;
	ph_letter *first; /* under the lock, as the next two */
	ph_letter **end;
	int wake; /* the pipe's end to write to */
	int fd;	  /* to read from */
};

static int
prepare_fd(int fd)
{
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return -1;
	return fcntl(fd, F_SETFL, O_NONBLOCK);
}

ph_status
ph_mailbox_new(void *self, ph_mailbox **out, ph_error *err)
{
	int ends[2];
	if (pipe(ends) < 0)
		return ph_fail_errno(err, errno, "cannot make a pipe");
	ph_mailbox *mailbox = calloc(1, sizeof *mailbox);
	if (!mailbox || prepare_fd(ends[0]) < 0 || prepare_fd(ends[1]) < 0) {
		(void) close(ends[0]);
		(void) close(ends[1]);
		free(mailbox);
		return ph_fail(err, PH_ERR_NOMEM, "no memory for the mailbox");
	}
	mailbox->self = self;
	mailbox->end = &mailbox->first;
	mailbox->fd = ends[0];
	mailbox->wake = ends[1];
	pthread_mutex_init(&mailbox->lock, NULL);
	*out = mailbox;
	return PH_OK;
}

void
ph_mailbox_destroy(ph_mailbox **mailbox_p)
{
	ph_mailbox *mailbox = *mailbox_p;
	if (!mailbox)
		return;
	ph_mailbox_open(mailbox);
	*mailbox_p = NULL;
	(void) close(mailbox->fd);
	(void) close(mailbox->wake);
	pthread_mutex_destroy(&mailbox->lock);
	free(mailbox);
}

int
ph_mailbox_fd(const ph_mailbox *mailbox)
{
	return mailbox->fd;
}

void
ph_mailbox_post(ph_mailbox *mailbox, ph_letter *letter)
{
	PH_ASSERT(letter->open != NULL);
	letter->next = NULL;
	pthread_mutex_lock(&mailbox->lock);
	bool was_empty = mailbox->first == NULL;
	*mailbox->end = letter;
	mailbox->end = &letter->next;
	/* under the lock: the byte must not come after the list was emptied again */
	if (was_empty) {
		ssize_t wrote = write(mailbox->wake, "", 1);
		(void) wrote; /* a full pipe wakes just as well */
	}
	pthread_mutex_unlock(&mailbox->lock);
}

void
ph_mailbox_open(ph_mailbox *mailbox)
{
	char bytes[16];
	pthread_mutex_lock(&mailbox->lock);
	while (read(mailbox->fd, bytes, sizeof bytes) > 0)
		continue;
	ph_letter *letter = mailbox->first;
	mailbox->first = NULL;
	mailbox->end = &mailbox->first;
	pthread_mutex_unlock(&mailbox->lock);
	while (letter) {
		ph_letter *next = letter->next;
		letter->open(letter, mailbox->self);
		letter = next;
	}
}
