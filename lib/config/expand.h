/*
 * expand - "${NAME:-default}" in a configuration value, from the environment.
 *
 * ${NAME} is the variable's value and an error without one; ${NAME:-text} is `text` if
 * the variable is unset or empty; $${ stands for ${ itself. Any other $ is left alone.
 *
 * Private to lib/config. Thread: as getenv. Errors: PH_ERR_INVALID with place,
 * PH_ERR_TOO_LARGE.
 */
#ifndef PH_CONFIG_EXPAND_H
#define PH_CONFIG_EXPAND_H

#include "lib/document/document.h"

/* Replace the text of a string node. */
ph_status ph_config_expand(ph_document *document, ph_node *node, ph_error *err);

#endif
