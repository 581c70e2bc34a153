/* SPDX-License-Identifier: Apache-2.0
 *
 * An independent client for the integration tests: DCMTK's DcmSCU class speaking the Defined Procedure
 * Protocol and the Protocol Approval model. No stock DCMTK tool offers these models, but the class does whatever it is
 * asked.
 *
 *   dcmtk_scu [--approval] find PORT PATH=VALUE...     prints "FF00 <SOP Instance UID> <Protocol Name>" a match
 *   dcmtk_scu [--approval] get PORT FOLDER UID...      stores what comes, bit-preserving
 *   dcmtk_scu [--approval] move PORT DESTINATION UID...
 * The last line is "status XXXX completed N failed N warning N". A PATH is one of DCMTK's, such as
 * ApprovalSubjectSequence[0].ReferencedSOPInstanceUID.
 */
#include "dcmtk/config/osconfig.h"
#include "dcmtk/dcmdata/dcpath.h"
#include "dcmtk/dcmdata/dctk.h"
#include "dcmtk/dcmnet/scu.h"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace
{
struct Model {
    const char *find, *move, *get;
    std::vector<const char *> storage;
};
const Model PROTOCOL = {"1.2.840.10008.5.1.4.20.1",
                        "1.2.840.10008.5.1.4.20.2",
                        "1.2.840.10008.5.1.4.20.3",
                        {"1.2.840.10008.5.1.4.1.1.200.1", "1.2.840.10008.5.1.4.1.1.200.7"}};
const Model APPROVAL = {"1.2.840.10008.5.1.4.1.1.200.4",
                        "1.2.840.10008.5.1.4.1.1.200.5",
                        "1.2.840.10008.5.1.4.1.1.200.6",
                        {"1.2.840.10008.5.1.4.1.1.200.3"}};
Model model = PROTOCOL;

OFList<OFString> syntaxes(bool explicit_first)
{
    OFList<OFString> list;
    if (explicit_first) {
        list.push_back(UID_LittleEndianExplicitTransferSyntax);
    }
    list.push_back(UID_LittleEndianImplicitTransferSyntax);
    return list;
}

void check(const OFCondition &condition, const char *what)
{
    if (condition.bad()) {
        std::fprintf(stderr, "%s: %s\n", what, condition.text());
        std::exit(1);
    }
}

void put(DcmDataset &data, const std::string &argument)
{
    const bool has_value = argument.find('=') != std::string::npos;
    check(DcmPathProcessor().applyPathWithValue(&data, (argument + (has_value ? "" : "=")).c_str()),
          argument.c_str());
}

DcmDataset uid_list(int argc, char **argv, int first)
{
    OFString list;
    for (int i = first; i < argc; i++) {
        list += (list.empty() ? "" : "\\");
        list += argv[i];
    }
    DcmDataset data;
    check(data.putAndInsertOFStringArray(DCM_SOPInstanceUID, list), "SOPInstanceUID");
    return data;
}

void report(const RetrieveResponse &r)
{
    std::printf("status %04X completed %u failed %u warning %u\n", r.m_status,
                r.m_numberOfCompletedSubops, r.m_numberOfFailedSubops, r.m_numberOfWarningSubops);
}

int find(DcmSCU &scu, int argc, char **argv)
{
    DcmDataset keys;
    put(keys, "SOPInstanceUID");
    put(keys, "ProtocolName");
    for (int i = 3; i < argc; i++) {
        put(keys, argv[i]);
    }
    OFList<QRResponse *> responses;
    check(scu.sendFINDRequest(scu.findPresentationContextID(model.find, ""), &keys, &responses), "C-FIND");
    unsigned status = 0xFFFF;
    for (auto *r : responses) {
        status = r->m_status;
        if (r->m_dataset != nullptr) {
            OFString uid, name;
            r->m_dataset->findAndGetOFString(DCM_SOPInstanceUID, uid);
            r->m_dataset->findAndGetOFString(DCM_ProtocolName, name);
            std::printf("%04X %s %s\n", status, uid.c_str(), name.c_str());
        }
        delete r;
    }
    std::printf("status %04X completed 0 failed 0 warning 0\n", status);
    return 0;
}

int get(DcmSCU &scu, int argc, char **argv)
{
    DcmDataset data = uid_list(argc, argv, 4);
    OFList<RetrieveResponse *> responses;
    scu.setStorageDir(argv[3]);
    scu.setStorageMode(DCMSCU_STORAGE_BIT_PRESERVING);
    check(scu.sendCGETRequest(scu.findPresentationContextID(model.get, ""), &data, &responses), "C-GET");
    for (auto *r : responses) {
        if (r == responses.back()) {
            report(*r);
        }
        delete r;
    }
    return 0;
}

int move(DcmSCU &scu, int argc, char **argv)
{
    DcmDataset data = uid_list(argc, argv, 4);
    OFList<RetrieveResponse *> responses;
    check(scu.sendMOVERequest(scu.findPresentationContextID(model.move, ""), argv[3], &data, &responses),
          "C-MOVE");
    for (auto *r : responses) {
        if (r == responses.back()) {
            report(*r);
        }
        delete r;
    }
    return 0;
}
} // namespace

int main(int argc, char **argv)
{
    if (argc > 1 && std::string(argv[1]) == "--approval") {
        model = APPROVAL;
        argc--;
        argv++;
    }
    if (argc < 3) {
        std::fprintf(stderr, "usage: dcmtk_scu [--approval] find|get|move PORT ...\n");
        return 2;
    }
    const std::string what = argv[1];
    OFLog::configure(OFLogger::WARN_LOG_LEVEL);
    DcmSCU scu;
    scu.setAETitle("DCMTKSCU");
    scu.setPeerAETitle("DPPR");
    scu.setPeerHostName("127.0.0.1");
    scu.setPeerPort(static_cast<Uint16>(std::atoi(argv[2])));
    scu.setACSETimeout(20);
    scu.setDIMSETimeout(30);
    scu.setDIMSEBlockingMode(DIMSE_NONBLOCKING);
    for (const char *service : {model.find, model.move, model.get}) {
        check(scu.addPresentationContext(service, syntaxes(true)), service);
    }
    for (const char *storage : model.storage) {
        check(scu.addPresentationContext(storage, syntaxes(true), ASC_SC_ROLE_SCP), storage);
    }
    check(scu.initNetwork(), "network");
    check(scu.negotiateAssociation(), "association");
    int result = 2;
    if (what == "find") {
        result = find(scu, argc, argv);
    } else if (what == "get" && argc > 4) {
        result = get(scu, argc, argv);
    } else if (what == "move" && argc > 4) {
        result = move(scu, argc, argv);
    }
    scu.releaseAssociation();
    return result;
}
