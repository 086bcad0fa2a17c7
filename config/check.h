/*
 * check - whether what a config names is there: folders, accounts. Looks and touches nothing.
 *
 * Separate from parsing, because only the master's view of the machine counts: a worker that
 * parses the same text may see less.
 */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include "config/config.h"
#include "config/errors.h"

/*
 * Adds an error for each thing that is missing. `running`: a config whose logs are open, and not looked
 * at again, for their disk may not answer; NULL: none.
 */
void config_check(const struct config *config, const struct config *running,
                  struct config_errors *errors);

#endif
