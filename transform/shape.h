/*
 * shape - the form of a document to be written: every field the links write, in their order.
 *
 * Built once per map and direction from the target paths. At run time the links fill slots, and
 * the shape is walked once to make nodes: what has no value below it is not made, so a parent
 * exists when one of its children does. Fields stand in the order in which the links first name
 * them; attributes before elements.
 *
 * Thread: pure after building; a ph_filling belongs to its call.
 */
#ifndef PH_SHAPE_H
#define PH_SHAPE_H

#include "transform/path.h"

typedef struct ph_shape ph_shape;

ph_shape *ph_shape_new(ph_arena *arena, bool lists);
/*
 * Enter a path of plain steps (no PARENT), below `base` steps. *slot is where its value goes; a
 * pattern of names takes a second slot, *slot + 1, for the values. PH_SLOT_NONE: no memory.
 */
#define PH_SLOT_NONE UINT32_MAX
uint32_t ph_shape_add(ph_shape *shape, const ph_step *steps, size_t count);
/* The slot's type by the canonical schema (PH_TYPE_*), so that texts become numbers. */
void ph_shape_type(ph_shape *shape, uint32_t slot, unsigned types);
/* What is below this way is a document of its own: PH_NODE_JSON, where repeated fields are lists, or
 * PH_NODE_XML. The node that holds it gets that mark. After all paths have been entered. */
void ph_shape_inner(ph_shape *shape, const ph_step *steps, size_t count, uint8_t mark);
/* How many slots. */
size_t ph_shape_slots(const ph_shape *shape);
/* Can no object that is made have two members of one name? */
bool ph_shape_is_distinct(const ph_shape *shape);
bool ph_shape_is_empty(const ph_shape *shape);
/* The slots below a slot (0: the root) in the order in which they are written, attributes among
 * them; 0: no more. What step leads to one. */
uint32_t ph_shape_first(const ph_shape *shape, uint32_t slot);
uint32_t ph_shape_next(const ph_shape *shape, uint32_t slot);
const ph_step *ph_shape_step(const ph_shape *shape, uint32_t slot);

typedef struct ph_filling {
	const ph_shape *shape;
	ph_document *document;
	const char *const *names; /* bound to the document */
	ph_value *values;	  /* by slot */
	uint32_t *present;	  /* by slot: times it is to be made */
} ph_filling;

/* Ready for one record; the arrays are on the document's arena. */
bool ph_filling_init(ph_filling *filling, const ph_shape *shape, ph_document *document,
    const char *const *names);
void ph_filling_reset(ph_filling *filling);
/* Has anything been put there, or below it? */
bool ph_filling_has(const ph_filling *filling, uint32_t slot);
/* Put a value into an empty slot; a full one keeps what it has. */
void ph_filling_put(ph_filling *filling, uint32_t slot, const ph_value *value);
/* Make the tree: an object with the top fields as members. NULL past the limit. */
ph_node *ph_filling_make(const ph_filling *filling);

#endif
