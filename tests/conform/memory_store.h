/*
 * memory_store - a store in memory whose batches become durable later, as with a store that
 * replicates.
 *
 * Starting hands the batch to a thread and returns; the thread makes its records durable one by one,
 * a moment later. What the disk of such a store holds outlives the store: a memory_disk. Positions
 * grow by 16 with every record; an extent ends behind the record that makes it MEMORY_EXTENT bytes.
 *
 * Thread: owner; readers as in store.h. Errors: PH_ERR_IO once the disk is dead.
 */
#ifndef PH_TESTS_CONFORM_MEMORY_STORE_H
#define PH_TESTS_CONFORM_MEMORY_STORE_H

#include "broker/store.h"

#define MEMORY_EXTENT  (1u << 20)
#define MEMORY_RESERVE (1u << 20) /* bytes for what is essential */

typedef struct memory_disk memory_disk;

memory_disk *memory_disk_new(void);
void memory_disk_destroy(memory_disk **disk_p);
/* From now on nothing becomes durable, and the store fails when it notices. */
void memory_disk_die(memory_disk *disk);
/* Leave room for a little more and the reserve, or for everything again. */
void memory_disk_fill(memory_disk *disk, bool full);
/* Another owner wants the partition: the open store gives it up when it is polled or flushed next. */
void memory_disk_want(memory_disk *disk);
/* The same, but it is noticed only while something is on its way, which is lost then. */
void memory_disk_want_late(memory_disk *disk);
/* How often the store has been polled. */
unsigned memory_disk_polls(memory_disk *disk);
/* Whoever opens the store from now on is not assigned the partition; or, once more, he is, when the
 * store is polled next. */
void memory_disk_withhold(memory_disk *disk, bool withheld);
/* How often he has polled in vain. */
unsigned memory_disk_asked(memory_disk *disk);
/* Lose the last `count` records that are durable, as nothing ever should. No store is open. */
void memory_disk_lose(memory_disk *disk, size_t count);

/* Open the store on a disk; one at a time. */
ph_status memory_store_open(memory_disk *disk, ph_store **out, ph_error *err);
/* The store is gone without a good-bye: what is not durable is lost. The disk lives again. NULL
 * allowed. */
void memory_store_kill(memory_disk *disk, ph_store **store);

#endif
