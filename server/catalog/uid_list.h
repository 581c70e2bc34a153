/* SPDX-License-Identifier: Apache-2.0
 *
 * The value of a list of UIDs, as peers write it.
 */
#ifndef CATALOG_UID_LIST_H
#define CATALOG_UID_LIST_H

#include <stdbool.h>

#include "core/bytes.h"

/* At most so many values are in the list. */
unsigned uid_list_most(struct span list);
/* Takes the next value off the front of *rest, without its padding: UI is padded with NUL, clients pad with
 * spaces too. False: there is none left, empty values are passed over. */
bool uid_list_next(struct span *rest, struct span *value);
/* PS3.5 9.1 */
bool uid_list_is_uid(struct span value);

#endif
