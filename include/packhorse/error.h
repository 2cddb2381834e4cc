/*
 * error - what went wrong, where, and what the caller can do about it.
 *
 * Every fallible function returns a ph_status and takes a ph_error last (NULL is allowed).
 * There is one status for each thing a caller can *do* differently; the words are in the
 * error's text. A text that speaks of something a person wrote (a file, a message, a command)
 * starts with its code, "PH2104 ...", which `doc/errors.md` lists with the cure.
 *
 * Ownership: a ph_error is a plain struct on the caller's stack; nothing in it is to be freed.
 * Thread: any. Payloads and personal data never appear in an error's text.
 */
#ifndef PACKHORSE_ERROR_H
#define PACKHORSE_ERROR_H

#include <stdarg.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PH_EXPORT __attribute__((visibility("default")))
/* Ownership marks, read by tools and people: the callee keeps it / yours / borrowed. */
#define PH_TAKES
#define PH_FRESH
#define PH_BORROWS

typedef enum ph_status {
	PH_OK = 0,
	PH_ERR_USAGE,	/* the call itself is wrong: mend the caller */
	PH_ERR_INVALID, /* input breaks a rule: `where` says the place, mend the input */
	PH_ERR_NOT_FOUND, /* nothing by that name or id */
	PH_ERR_CONFLICT,  /* contradicts what is already recorded */
	PH_ERR_DENIED,	  /* not allowed, or not proven who you are */
	PH_ERR_TOO_LARGE, /* over a documented limit */
	PH_ERR_FULL,	  /* no room now (queue, disk, window): later it may go */
	PH_ERR_AGAIN,	  /* nothing ready now: wait and call again */
	PH_ERR_TIMEOUT,	  /* the deadline passed; the outcome may be unknown */
	PH_ERR_CLOSED,	  /* the peer or the object is gone */
	PH_ERR_VERSION,	  /* formats or versions do not meet */
	PH_ERR_IO,	  /* the operating system refused: `sys_errno` says why */
	PH_ERR_DAMAGED,	  /* stored bytes are not what was written */
	PH_ERR_NOMEM	  /* out of memory */
} ph_status;

#define PH_ERROR_WHERE 256 /* bytes, the final zero included */
#define PH_ERROR_TEXT  512

typedef struct ph_error {
	ph_status status;
	int sys_errno;		    /* errno of the failing call, or 0 */
	char where[PH_ERROR_WHERE]; /* "orders.xml:12:7", "journal 0003@8192", or "" */
	char text[PH_ERROR_TEXT];   /* one line, no newline, UTF-8 */
} ph_error;

/* No error. What an initialiser does too, but it writes all 776 bytes: too dear for what is called a
 * hundred thousand times a second. */
static inline void
ph_error_clear(ph_error *err)
{
	err->status = PH_OK;
	err->sys_errno = 0;
	err->where[0] = err->text[0] = 0;
}

/* The status as a stable word for scripts: "invalid", "not-found". Never NULL. */
PH_EXPORT const char *ph_status_name(ph_status status);

/* Fill *err (unless NULL) and return `status`. Long texts are cut, never overrun. */
PH_EXPORT ph_status ph_fail(ph_error *err, ph_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, with the place. */
PH_EXPORT ph_status ph_fail_at(ph_error *err, ph_status status, const char *where,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The same for a failed system call: pass errno read in the line after the call. */
PH_EXPORT ph_status ph_fail_errno(ph_error *err, int sys_errno, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#ifdef __cplusplus
}
#endif
#endif
