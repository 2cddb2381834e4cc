/*
 * table - a hash table from byte strings to pointers.
 *
 * Keys are copied. Iteration goes in order of insertion. Removing while iterating is allowed;
 * putting a new key then is not. Values are not NULL (NULL means "not there").
 * Hashing is SipHash-2-4 with a key of the process, so a stranger cannot choose collisions.
 *
 * Thread: owner. Errors: PH_ERR_NOMEM.
 */
#ifndef PH_BASE_TABLE_H
#define PH_BASE_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <packhorse/error.h>

typedef struct ph_table ph_table;

ph_status ph_table_new(ph_table **out, ph_error *err);
/* Values are not freed, unless `destroy` is given. NULL table allowed. */
void ph_table_destroy(ph_table **table_p, void (*destroy)(void *value));
/* The value, or NULL. */
void *ph_table_get(const ph_table *table, const void *key, size_t length);
void *ph_table_gets(const ph_table *table, const char *key);
/* Set or replace. */
ph_status ph_table_put(
    ph_table *table, const void *key, size_t length, void *value, ph_error *err);
ph_status ph_table_puts(ph_table *table, const char *key, void *value, ph_error *err);
/* Take out; returns the value, or NULL. */
void *ph_table_remove(ph_table *table, const void *key, size_t length);
size_t ph_table_count(const ph_table *table);
/* Iterate: start with *cursor = 0; returns the value or NULL at the end. key/length may be NULL. */
void *ph_table_next(
    const ph_table *table, size_t *cursor, const void **key, size_t *length);

/* SipHash-2-4 of bytes under a 16-byte key. */
uint64_t ph_siphash(const uint8_t key[16], const void *bytes, size_t length);

#endif
