/* SPDX-License-Identifier: Apache-2.0
 *
 * service/classes: the one table of SOP classes that are served, and what of it a peer is granted.
 *
 * Negotiation is where rights are refused first (decision: context result 1); a right revoked later is
 * refused per operation with 0124. Classes that are not in the table (Performed protocols, images) get
 * result 3 from net/negotiate.
 *
 * Storage classes take part twice. As SCP the peer stores to us (needs PEER_MAY_STORE); as SCU we store to
 * the peer on the same association, as C-GET wants (PS3.4 C.5.3; needs PEER_MAY_GET and the peer's role
 * selection). The two rights are independent, so one context may be granted for one direction only.
 */
#include "service_internal.h"

#include <string.h>

/* PS3.4 K.5.1: bytes 1 and 2 are always 1; then fuzzy semantic matching and time zone adjustment. */
static const uint8_t find_extended[] = {1, 1, 1, 1};

/* clang-format off */
static const struct sop_class classes[] = {
    {UID_VERIFICATION,        SOP_VERIFICATION, PEER_MAY_ECHO,  0,            NULL, 0},
    {UID_CT_DEFINED_PROTOCOL, SOP_STORAGE,      PEER_MAY_STORE, PEER_MAY_GET, NULL, 0},
    {UID_XA_DEFINED_PROTOCOL, SOP_STORAGE,      PEER_MAY_STORE, PEER_MAY_GET, NULL, 0},
    {UID_PROTOCOL_APPROVAL,   SOP_STORAGE,      PEER_MAY_STORE, PEER_MAY_GET, NULL, 0},
    {UID_PROTOCOL_FIND,       SOP_FIND,         PEER_MAY_FIND,  0,            find_extended, sizeof find_extended},
    {UID_PROTOCOL_MOVE,       SOP_MOVE,         PEER_MAY_MOVE,  0,            NULL, 0},
    {UID_PROTOCOL_GET,        SOP_GET,          PEER_MAY_GET,   0,            NULL, 0},
    {UID_APPROVAL_FIND,       SOP_FIND,         PEER_MAY_FIND,  0,            find_extended, sizeof find_extended},
    {UID_APPROVAL_MOVE,       SOP_MOVE,         PEER_MAY_MOVE,  0,            NULL, 0},
    {UID_APPROVAL_GET,        SOP_GET,          PEER_MAY_GET,   0,            NULL, 0},
};
/* clang-format on */
_Static_assert(sizeof classes / sizeof *classes == SOP_CLASS_COUNT, "SOP_CLASS_COUNT");

const struct sop_class *sop_class_find(const char *uid)
{
    for (size_t i = 0; i < SOP_CLASS_COUNT; i++) {
        if (strcmp(classes[i].uid, uid) == 0)
            return &classes[i];
    }
    return NULL;
}

const struct sop_class *sop_class_at(unsigned index)
{
    return index < SOP_CLASS_COUNT ? &classes[index] : NULL;
}

void classes_policy(unsigned rights, unsigned max_operations, struct negotiate_rule rules[],
                    struct negotiate_policy *out)
{
    for (size_t i = 0; i < SOP_CLASS_COUNT; i++) {
        const struct sop_class *c = &classes[i];
        bool as_scp = (rights & c->right_as_scp) != 0;
        bool as_scu = (rights & c->right_as_scu) != 0;
        rules[i] = (struct negotiate_rule){
            .abstract_syntax = c->uid,
            .as_scp = as_scp,
            .as_scu = as_scu,
            .denied = !as_scp && !as_scu,
            .transfer_syntaxes = dcm_ts_uids,
            .extended_mask = c->extended_mask,
            .extended_bytes = c->extended_bytes,
        };
    }
    uint16_t operations = max_operations > UINT16_MAX ? UINT16_MAX : (uint16_t)max_operations;
    *out = (struct negotiate_policy){
        .rules = rules,
        .rule_count = SOP_CLASS_COUNT,
        .max_ops_performed = operations,
        .max_ops_invoked = operations,
    };
}
