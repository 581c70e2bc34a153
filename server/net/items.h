/* SPDX-License-Identifier: Apache-2.0
 *
 * net: the item and sub-item types of the associate PDUs (PS3.8 9.3.2, 9.3.3, Annex D; PS3.7 D.3.3).
 * Private to the encoder and the decoder.
 */
#ifndef NET_ITEMS_H
#define NET_ITEMS_H

enum item_type {
    ITEM_APPLICATION_CONTEXT = 0x10,
    ITEM_CONTEXT_RQ = 0x20,
    ITEM_CONTEXT_AC = 0x21,
    ITEM_ABSTRACT_SYNTAX = 0x30,
    ITEM_TRANSFER_SYNTAX = 0x40,
    ITEM_USER_INFORMATION = 0x50,
    ITEM_MAX_LENGTH = 0x51,
    ITEM_IMPLEMENTATION_UID = 0x52,
    ITEM_ASYNC_WINDOW = 0x53,
    ITEM_ROLE = 0x54,
    ITEM_IMPLEMENTATION_VERSION = 0x55,
    ITEM_EXTENDED = 0x56,
    ITEM_COMMON_EXTENDED = 0x57,
    ITEM_USER_IDENTITY_RQ = 0x58,
    ITEM_USER_IDENTITY_AC = 0x59,
};

#endif
