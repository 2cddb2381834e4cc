/*
 * laws_documents - the documents of the laws: read, steered, changed, written.
 *
 * Thread: owner. Errors: as the codecs'.
 */
#ifndef PH_LAWS_DOCUMENTS_H
#define PH_LAWS_DOCUMENTS_H

#include "transform/map_inner.h"
#include "transform/workbench/sample.h"

/* Each node that a path leads to, lists passed through. The node may be removed. */
typedef void ph_leaf(void *self, ph_node *node);
void ph_each_leaf(const ph_names *names, const ph_path *path, ph_node *record,
    ph_leaf *leaf, void *self);

/* Read canonical JSON, or the vendor's bytes. *out is yours. */
ph_status ph_laws_decode(const ph_map *map, bool canonical, const void *bytes,
    size_t length, ph_document **out, ph_error *err);
/* Write the document's root. */
ph_status ph_laws_encode(const ph_map *map, bool canonical, ph_document *document,
    ph_buffer *out, ph_error *err);

/* Make a canonical document say what the links can say. */
void ph_laws_steer(
    const ph_map *map, ph_sampler *sampler, ph_document *document, ph_node *root);
/* The vendor's record as the way in reads it, made of the document that the way out wrote: the
 * new root is set. NULL if the record is not in it. */
ph_node *ph_laws_turn(const ph_map *map, ph_document *document);
/* The record of a document that has been turned; NULL. */
ph_node *ph_laws_record(const ph_map *map, ph_document *document);
/* Put codes and values into it that the vendor could have sent. */
void ph_laws_change(
    const ph_map *map, ph_sampler *sampler, ph_document *document, ph_node *record);

#endif
