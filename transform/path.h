/*
 * path - the way from a record to one of its fields, compiled from text.
 *
 * Canonical paths are names joined with dots, vendor paths steps joined with slashes:
 *
 *   name  prefix:name  'a name with / or [ in it'   a member
 *   ..                                              the parent
 *   @name                                           an XML attribute; last
 *   name[]                                          every one of a repeated member
 *   name[key]/value                                 a name/value list: two fields of each repetition
 *   name[2] name[-1]                                one of a repeated member, from 1, or from the end
 *   name[field="text"]                              the first whose field has this text
 *   'text*text'                                     last: every member of such a name, which is
 *                                                   a name/value list too
 *
 * A path may repeat once. A chosen step is read, never written. Names are numbers of a ph_names; reading compares interned pointers.
 *
 * Thread: pure after parsing. Errors: a complaint to the load; at run time a problem in words.
 */
#ifndef PH_PATH_H
#define PH_PATH_H

#include "lib/document/names.h"
#include "transform/scan.h"
#include "transform/value.h"

enum {
	PH_STEP_PARENT = 1,
	PH_STEP_MANY = 2,
	PH_STEP_ATTRIBUTE = 4,
	PH_STEP_WILD = 8,
	PH_STEP_CHOSEN = 16
};

typedef struct ph_step ph_step;
struct ph_step {
	uint32_t name;	    /* number; 0 for PARENT and WILD */
	uint32_t space;	    /* number of the namespace; 0: none */
	unsigned flags;	    /* PH_STEP_* */
	const char *before; /* WILD: what stands before and after the '*' */
	const char *after;
	int place;	      /* CHOSEN: from 1, or from -1 at the end; 0: by `where` */
	const ph_step *where; /* CHOSEN: the field that has ... */
	const char *text;     /* ... this text */
	size_t length;
};

typedef struct ph_path {
	const char *text; /* as written, for errors */
	size_t at;	  /* its offset in its scalar */
	size_t count;
	ph_step *steps;
	const uint32_t *except; /* WILD: names that other links take; ended by 0 */
} ph_path;

typedef struct ph_prefix {
	const char *prefix;
	const char *space;
	uint32_t number; /* of the space */
} ph_prefix;

/* How paths of one side are written. */
typedef struct ph_syntax {
	ph_names *names;
	char separator; /* '.' or '/' */
	bool xml;	/* prefixes and @ mean something */
	const ph_prefix *prefixes;
	size_t prefix_count;
	uint32_t space; /* of names without a prefix; 0: none */
	uint32_t
	    bare; /* below an element of this space they have none (a SOAP fault's) */
} ph_syntax;

/*
 * Parse `length` bytes at `text`, a part of the scan's scalar. A name/value list gives two paths,
 * everything else one: *count says so. `out` has room for two. False after a complaint.
 */
bool ph_path_parse(const ph_syntax *syntax, const ph_scan *scan, const char *text,
    size_t length, ph_path *out, size_t *count);
/* The last name without prefix: what a code table calls its column. "" if there is none. */
const char *ph_path_column(const ph_path *path, const ph_names *names);
/* Does it end in a pattern of names? */
bool ph_path_is_wild(const ph_path *path);
/* Does any step choose one of several? */
bool ph_path_is_chosen(const ph_path *path);
/* Is any step repeated? */
bool ph_path_is_many(const ph_path *path);

/* How a document is read. */
typedef struct ph_reading {
	const char *const *names; /* bound to the document */
	ph_arena *arena;
	bool null_absent;    /* null reads as absent */
	bool empty_absent;   /* so does empty text */
	bool distinct;	     /* no object has a name twice: read from JSON */
	const char *problem; /* why a read failed, in words */
} ph_reading;

/* The field's value. False: reading->problem says why. */
bool ph_path_read(
    ph_reading *reading, const ph_path *path, const ph_node *record, ph_value *out);
/* A pattern of names: the parts that matched, and the values, in step. */
bool ph_path_read_wild(ph_reading *reading, const ph_path *path, const ph_node *record,
    ph_value *keys, ph_value *values);
/* The value of a node by itself. */
bool ph_node_read(ph_reading *reading, const ph_node *node, ph_value *out);
/* The first node on the path, or NULL; every step may repeat. */
const ph_node *ph_path_node(
    const ph_reading *reading, const ph_path *path, const ph_node *record);

/* Has the node the name of the step? */
bool ph_step_matches(
    const char *const *names, const ph_step *step, const ph_node *node);
/* Every node on the path, every step taken as repeated. With `whole` the first step is the
 * document's root element itself (XML). Stops when `visit` returns false. */
typedef bool ph_path_visit(void *self, const ph_node *node);
bool ph_path_walk(const char *const *names, const ph_path *path, const ph_node *root,
    bool whole, ph_path_visit *visit, void *self);

#endif
