/*
 * mailbox - how a plug-in's threads reach the host's one thread: letters, opened in order.
 *
 * Invariants: a letter is opened once, by the owner, in the order of posting (of one thread). The
 * sender gives its memory away with it.
 *
 * Thread: post from any; the rest belongs to the owner. Errors: PH_ERR_IO, PH_ERR_NOMEM.
 */
#ifndef PH_HOST_MAILBOX_H
#define PH_HOST_MAILBOX_H

#include <packhorse/error.h>

typedef struct ph_mailbox ph_mailbox;

/* First member of what is posted. `open` takes the letter over. */
typedef struct ph_letter {
	struct ph_letter *next;
	void (*open)(struct ph_letter *letter, void *self);
} ph_letter;

/* `self` is handed to every letter's open. */
ph_status ph_mailbox_new(void *self, ph_mailbox **out, ph_error *err);
/* Letters still inside are opened first. NULL allowed. */
void ph_mailbox_destroy(ph_mailbox **mailbox_p);
/* Readable when there are letters. */
int ph_mailbox_fd(const ph_mailbox *mailbox);
void ph_mailbox_post(ph_mailbox *mailbox, ph_letter *letter);
/* Open everything that is there now. */
void ph_mailbox_open(ph_mailbox *mailbox);

#endif
