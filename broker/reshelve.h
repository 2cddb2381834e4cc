/*
 * reshelve - a shelf made again from the journal, when its files are lost.
 *
 * A checkpoint says of each shelf which acceptance numbers were on it, and how many. All of them wait,
 * so the journal has their records still, where they were written or carried to. They are read once
 * more for each file, and put on new files. What is found has to be what the checkpoint says, file by
 * file; if not, what was put on the shelf is worth nothing. It needs 64 bytes of memory for each entry of
 * one file while it is at work, however many files there are: 64 MiB.
 *
 * Thread: owner. Errors: PH_ERR_DAMAGED (the journal does not have them), PH_ERR_NOMEM, PH_ERR_IO,
 * PH_ERR_FULL.
 */
#ifndef PH_BROKER_RESHELVE_H
#define PH_BROKER_RESHELVE_H

#include "broker/broker.h"

/* Fill the shelf of the queue, whose load found its files damaged, from the records up to
 * broker->last_position. */
ph_status ph_reshelve(ph_broker *broker, ph_destination *to, ph_error *err);

#endif
