/*
 * scan - the words of one line of a declaration, with their columns.
 *
 * Links, conditions and conversions are written in plain YAML scalars of one line; a scan walks
 * over one and remembers where each word began, so that an error can point at it.
 *
 *   word    characters but white space and , ( ) | = " and, at its start, a quote
 *   string  "..." with \n \t \r \" \\ and \uXXXX
 *   quoted  '...' inside a path: a name with characters that mean something else
 *
 * Thread: owner. Errors: through the load it belongs to (ph_load_fail).
 */
#ifndef PH_SCAN_H
#define PH_SCAN_H

#include "transform/load.h"

typedef struct ph_scan {
	ph_load *load;
	const ph_node *node; /* the scalar */
	const char *text;
	size_t length;
	size_t at;
	size_t end; /* not beyond here */
} ph_scan;

void ph_scan_init(ph_scan *scan, ph_load *load, const ph_node *node);
/* Complain about the character at `offset`. Returns false. */
bool ph_scan_fail(const ph_scan *scan, size_t offset, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void ph_scan_space(ph_scan *scan);
/* At the end, white space aside? */
bool ph_scan_done(ph_scan *scan);
/* Is this text next (after white space)? Does not move. */
bool ph_scan_sees(ph_scan *scan, const char *text);
/* The same, and move past it. */
bool ph_scan_take(ph_scan *scan, const char *text);
/* A name of letters, digits, '-', '_' and '.'; length 0 if there is none. Borrowed. */
const char *ph_scan_name(ph_scan *scan, size_t *length);
/* A "string": NULL after a complaint. On the arena of the load. */
const char *ph_scan_string(ph_scan *scan, size_t *length);
/* Everything up to white space, ',', '|' or an unbalanced ')', quotes and brackets respected. */
const char *ph_scan_path(ph_scan *scan, size_t *length);

/* One argument of a conversion. */
typedef struct ph_argument {
	const char *key;  /* "unknown" of unknown=hold; NULL: by position */
	const char *text; /* the word, the string's content, or the call's name */
	size_t length;
	bool string;  /* it was "..." */
	bool call;    /* it was name("...") or name(word): then `inner` is that */
	bool context; /* it was $name: `text` without the '$' */
	const char *inner;
	bool used; /* somebody asked for it */
	size_t at; /* offset in the scalar */
	struct ph_argument *next;
} ph_argument;

/* "name(argument, ...)" or "name": the name, its offset, its arguments. */
typedef struct ph_term {
	const char *name;
	size_t at;
	const ph_scan *scan;
	ph_argument *first;
	const char *raw; /* between the parentheses, for conditions */
	size_t raw_at, raw_length;
} ph_term;

/* Read one term; with `raw` its arguments are not taken apart. False after a complaint. */
bool ph_scan_term(ph_scan *scan, ph_term *out);
/* Argument number `index` by position (from 0), or the one with that key; NULL. Marks it used. */
ph_argument *ph_term_at(const ph_term *term, size_t index);
ph_argument *ph_term_get(const ph_term *term, const char *key);
/* A bare word given as an option without a value ("ellipsis"): is it there? */
bool ph_term_flag(const ph_term *term, const char *word);
/* Complain about the first argument that nobody used; `help` (or NULL) shows how it is written. */
bool ph_term_finish(const ph_term *term, const char *help);
bool ph_term_fail(const ph_term *term, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
