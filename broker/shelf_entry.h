/*
 * shelf_entry - an entry of a shelf's file: 32 bytes, little-endian.
 *
 *    0  u48  acceptance number
 *    6  u48  when it was accepted (wall clock, ms)
 *   12  u32  CRC32C of: u16 queue, u64 serial of the file, u32 index in it, then this entry without
 *            these four bytes; earlier builds had it without the index, which is still taken
 *   16  u64  offset of its record in the journal
 *   24  u64  hash of its ordering key; 0: unordered
 *
 * An entry lies within one sector, so that a new offset written over it is there whole or not at
 * all.
 *
 * Thread: pure.
 */
#ifndef PH_BROKER_SHELF_ENTRY_H
#define PH_BROKER_SHELF_ENTRY_H

#include "broker/shelf.h"

#define PH_SHELF_ENTRY 32u /* bytes */

void ph_shelf_entry_encode(uint16_t queue, uint64_t serial, uint32_t index,
    const ph_shelf_entry *entry, uint8_t at[PH_SHELF_ENTRY]);
/* False: it was not written as this entry of this file; *out is filled all the same. */
bool ph_shelf_entry_decode(uint16_t queue, uint64_t serial, uint32_t index,
    const uint8_t at[PH_SHELF_ENTRY], ph_shelf_entry *out);

#endif
