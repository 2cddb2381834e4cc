/*
 * packhorse - everything a program that talks to the bus needs.
 *
 * Link with `pkg-config --libs packhorse`. The map engine is apart: see map.h.
 */
#ifndef PACKHORSE_PACKHORSE_H
#define PACKHORSE_PACKHORSE_H

#include <packhorse/error.h>
#include <packhorse/message.h>
#include <packhorse/client.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The library's version, "0.1.0". */
PH_EXPORT const char *ph_version(void);

#ifdef __cplusplus
}
#endif
#endif
