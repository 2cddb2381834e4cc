/*
 * crashpoint - places where a test build dies on purpose, and mistakes it makes on purpose.
 *
 * PH_CRASH_POINT("name") does nothing unless built with PH_CRASH_POINTS (configure
 * --enable-crash-points); then the process kills itself with SIGKILL when the environment says
 * PACKHORSE_CRASH_AT=name, or name:n for the nth time it gets there (from 1).
 *
 * PH_MUTANT("name") is false unless built with PH_MUTANTS; then it is true when the environment
 * says PACKHORSE_MUTANT=name. A test that cannot tell a mutant from the real thing is no test.
 *
 * Thread: any.
 */
#ifndef PH_BROKER_CRASHPOINT_H
#define PH_BROKER_CRASHPOINT_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

void ph_crash_point_reached(const char *name);
bool ph_mutant_chosen(const char *name);

#ifdef PH_CRASH_POINTS
#define PH_CRASH_POINT(name) ph_crash_point_reached(name)
#else
#define PH_CRASH_POINT(name) ((void) 0)
#endif

#ifdef PH_MUTANTS
#define PH_MUTANT(name) ph_mutant_chosen(name)
#else
#define PH_MUTANT(name) false
#endif

#ifdef __cplusplus
}
#endif
#endif
