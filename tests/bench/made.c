/* SPDX-License-Identifier: Apache-2.0
 *
 * The values of generated protocols. Names, codes, models, indications and parameters are those of the sample
 * library (samples/) and what a hospital would add to them.
 */
#include "made.h"

#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* clang-format off */

static const char *const ct_names[] = {
    "AAPM Routine Adult Head (Brain)", "Adult Abdomen", "CAP XCARE adult-size", "CAP XCARE child",
    "Sinuses Facial Stealth XCARE", "Thorax Seq HRCT (under 2 years)", "CT Tumor Volumetric Measurement",
    "CT brain perfusion (acute stroke)", "CTPA 100 kV", "CTPA 120 kV", "Carotid plaque CTA",
    "Coronary CTA, 320-row, prospective gating", "Head Sequence", "Head Spiral 3D", "Head and Neck CTA",
    "Low-dose lung screening", "NeckRoutine (child)", "PET-CT low-dose CT, automated kV",
    "Cervical spine CT without contrast", "Pulmonary CTA - pregnant patient",
    "Pulmonary embolism CTPA - large patient", "Routine Adult Head", "Routine adult chest, 64-slice",
    "Routine non-contrast chest - medium adult", "Routine paediatric chest", "Ultra-low-dose chest",
};
static const char *const xa_names[] = {
    "Cerebral 2 fps Low", "Cerebral 2 fps Normal", "Interventional cine", "Left Coronary 15 fps Normal",
    "Left Coronary 15 fps Neonate", "Paediatric 3D rotational angiography", "Paediatric cardiac catheterization",
};
static const char *const utf8_names[] = {
    "Thorax nativ - Übergröße", "TDM thoraco-abdomino-pelvienne injectée", "Koronarografia - lewa tętnica",
    "КТ головного мозга без контраста", "胸部単純CT", "복부 골반 CT 조영증강",
};
static const char *const families[] = {
    "Adams", "Baker", "Costa", "Dubois", "Evans", "Fischer", "Garcia", "Haas", "Ivanov", "Jansen", "Kowalski",
    "Larsen", "Martin", "Nguyen", "Okafor", "Patel", "Quinn", "Rossi", "Smith", "Tanaka", "Usman", "Vogel", "Weber",
    "Xu", "Young", "Zimmer", "Andersen", "Bianchi", "Cohen", "Diaz", "Eriksson", "Ferrari", "Gruber", "Hansen",
    "Ito", "Jones", "Kim", "Lopez", "Moreau", "Novak",
};
static const char *const given[] = {
    "Ana", "Ben", "Clara", "David", "Eva", "Felix", "Grace", "Hugo", "Ines", "Jan", "Kate", "Leo",
};
/* with what dpp.fold_name makes of them */
static const char *const utf8_creators[][2] = {
    {"Müller^Jürgen", "muller^jurgen"}, {"Łukasiewicz^Zoë", "lukasiewicz^zoe"}, {"Đorđević^Ana", "dordevic^ana"},
    {"Groß^Jörg", "gross^jorg"},
};
static const struct { const char *name, *series; } makers[] = {
    {"Siemens", "SOMATOM Definition"}, {"GE Healthcare", "LightSpeed VCT"}, {"Philips", "Brilliance"},
    {"Toshiba", "Aquilion"}, {"Canon Medical", "Aquilion ONE"}, {"Hitachi", "Scenaria"}, {"FUJIFILM", "FCT Speedia"},
    {"Samsung", "NeuroLogica"}, {"Shimadzu", "Trinias"}, {"Neusoft", "NeuViz"}, {"United Imaging", "uCT"},
    {"ACME", "Alpha Plus"},
};
static const struct made_code regions[] = {
    {"51185008", "SCT", "Chest"}, {"69536005", "SCT", "Head"}, {"80891009", "SCT", "Heart"},
    {"818981001", "SCT", "Abdomen"}, {"45048000", "SCT", "Neck"}, {"41801008", "SCT", "Coronary artery"},
    {"416775004", "SCT", "Chest, Abdomen and Pelvis"}, {"88556005", "SCT", "Cerebral artery"},
    {"774007", "SCT", "Head and Neck"}, {"122494005", "SCT", "Cervical spine"}, {"12738006", "SCT", "Brain"},
    {"2095001", "SCT", "Paranasal sinus"},
};
static const struct made_code procedures[] = {
    {"24725-4", "LN", "CT Head"}, {"24726-2", "LN", "CT Head WO and W contrast IV"},
    {"24727-0", "LN", "CT Head W contrast IV"}, {"72253-8", "LN", "CT CAP WO contrast"},
    {"79086-5", "LN", "CT Chest for screening WO contrast"}, {"29252-4", "LN", "CT Chest WO contrast"},
    {"24627-2", "LN", "CT Chest"}, {"30799-1", "LN", "CT Head WO contrast"},
    {"30593-8", "LN", "CTA Head vessels WO and W contrast IV"},
    {"30594-6", "LN", "CTA Neck vessels WO and W contrast IV"}, {"24628-0", "LN", "CT Chest W contrast IV"},
    {"36813-4", "LN", "CT Abdomen and Pelvis W contrast IV"}, {"30588-8", "LN", "CT Sinuses"},
    {"24835-1", "LN", "CT Nasopharynx and Neck"}, {"30592-0", "LN", "CT Cervical spine WO contrast"},
    {"30804-9", "LN", "CTA Chest vessels WO and W contrast IV"}, {"58744-4", "LN", "CT Heart"},
    {"24728-8", "LN", "CT perfusion Head"}, {"25045-6", "LN", "CT Unspecified body region"},
};
static const struct made_code groups[] = {
    {"R-3027B", "SRT", "Radiology"}, {"R-30276", "SRT", "Oncology"}, {"R-30248", "SRT", "Cardiology"},
    {"R-3028A", "SRT", "Neurology"}, {"R-3061E", "SRT", "Paediatrics"}, {"R-30252", "SRT", "Trauma"},
};
static const char *const indications[] = {
    "Acute head trauma", "Suspected intracranial haemorrhage", "Acute stroke", "Headache", "Seizure", "Lymphoma",
    "Bronchiectasis", "Cystic fibrosis", "Interstitial lung disease", "Pulmonary embolism", "Lung cancer screening",
    "Lung nodule detection", "Neck tumour", "Carotid plaque", "Coronary artery disease", "Congenital heart disease",
    "Abscess", "Trauma", "Routine chest", "Tumor volumetric measurements",
};

#define ACQUISITION   "00189920"
#define XRAY_DETAILS  "00189325"
#define RECONSTRUCTION "00189934"
static const struct made_constraint acquisition_constraints[] = {
    {"00189922", "ProtocolElementName", "Protocol Element Name", "LO", {ACQUISITION}, "EQUAL",
     {"Helical", "Topogram", "Contrast phase"}, .value_count = 1},
    {"00189302", "AcquisitionType", "Acquisition Type", "CS", {ACQUISITION}, "EQUAL",
     {"SPIRAL", "SEQUENCED", "CONSTANT_ANGLE"}, .value_count = 1},
    {"00189303", "TubeAngle", "Tube Angle", "FD", {ACQUISITION}, "EQUAL", {"90", "180", "0"}, .value_count = 1, .unit = "deg", .unit_meaning = "degree"},
    {"00189305", "RevolutionTime", "Revolution Time", "FD", {ACQUISITION}, "EQUAL", {"0.5", "0.33", "1"}, .value_count = 1, .unit = "s", .unit_meaning = "second"},
    {"00189306", "SingleCollimationWidth", "Single Collimation Width", "FD", {ACQUISITION}, "EQUAL",
     {"0.6", "0.625", "1.2"}, .value_count = 1, .unit = "mm", .unit_meaning = "millimeter"},
    {"00189307", "TotalCollimationWidth", "Total Collimation Width", "FD", {ACQUISITION}, "RANGE_INCL",
     {"19.2", "38.4", "40"}, .value_count = 2, .unit = "mm", .unit_meaning = "millimeter"},
    {"00189309", "TableSpeed", "Table Speed", "FD", {ACQUISITION}, "EQUAL", {"23", "46.5", "60"}, .value_count = 1, .unit = "mm/s", .unit_meaning = "millimeter per second"},
    {"00189310", "TableFeedPerRotation", "Table Feed per Rotation", "FD", {ACQUISITION}, "EQUAL",
     {"23", "39.4", "19.7"}, .value_count = 1, .unit = "mm", .unit_meaning = "millimeter"},
    {"00189311", "SpiralPitchFactor", "Spiral Pitch Factor", "FD", {ACQUISITION}, "RANGE_INCL",
     {"0.8", "1.375", "1.5"}, .value_count = 2, .unit = "1", .unit_meaning = "no units"},
    {"00189345", "CTDIvol", "CTDIvol", "FD", {ACQUISITION}, "LESS_OR_EQUAL", {"75", "12.5", "25"}, .value_count = 1, .unit = "mGy", .unit_meaning = "milligray", .is_fixed = true},
    {"00189942", "CTDIvolNotificationTrigger", "CTDIvol Notification Trigger", "FD", {ACQUISITION}, "EQUAL",
     {"80", "50", "25"}, .value_count = 1, .unit = "mGy", .unit_meaning = "milligray", .is_fixed = true},
    {"00189930", "AcquisitionMotion", "Acquisition Motion", "CS", {ACQUISITION}, "EQUAL", {"FORWARD", "REVERSE", "SYMMETRIC"}, .value_count = 1},
    {"300A00C0", "BeamNumber", "Beam Number", "IS", {ACQUISITION, XRAY_DETAILS}, "EQUAL", {"1", "1", "1"}, .value_count = 1},
    {"00180060", "KVP", "KVP", "DS", {ACQUISITION, XRAY_DETAILS}, "EQUAL", {"120", "100", "80"}, .value_count = 1, .unit = "kV", .unit_meaning = "kilovolt"},
    {"00189330", "XRayTubeCurrentInmA", "X-Ray Tube Current in mA", "FD", {ACQUISITION, XRAY_DETAILS}, "RANGE_INCL",
     {"50", "250", "400"}, .value_count = 2, .unit = "mA", .unit_meaning = "milliampere"},
    {"00189332", "ExposureInmAs", "Exposure in mAs", "FD", {ACQUISITION, XRAY_DETAILS}, "LESS_OR_EQUAL", {"130", "200", "40"}, .value_count = 1, .unit = "mA.s", .unit_meaning = "milliampere second"},
    {"00189323", "ExposureModulationType", "Exposure Modulation Type", "CS", {ACQUISITION, XRAY_DETAILS}, "MEMBER_OF",
     {"NONE", "ANGULAR", "XYZ_EC"}, .value_count = 2},
    {"00180090", "DataCollectionDiameter", "Data Collection Diameter", "DS", {ACQUISITION, XRAY_DETAILS}, "EQUAL", {"500", "320", "250"}, .value_count = 1, .unit = "mm", .unit_meaning = "millimeter"},
    {"00189946", "AutoKVPLowerBound", "Auto KVP Lower Bound", "FD", {ACQUISITION, XRAY_DETAILS}, "EQUAL", {"80", "70", "100"}, .value_count = 1, .unit = "kV", .unit_meaning = "kilovolt"},
    {"00189945", "AutoKVPUpperBound", "Auto KVP Upper Bound", "FD", {ACQUISITION, XRAY_DETAILS}, "EQUAL", {"140", "150", "120"}, .value_count = 1, .unit = "kV", .unit_meaning = "kilovolt"},
};
static const struct made_constraint reconstruction_constraints[] = {
    {"00189922", "ProtocolElementName", "Protocol Element Name", "LO", {RECONSTRUCTION}, "EQUAL", {"Transverse", "Coronal", "Sagittal"}, .value_count = 1},
    {"00189938", "SourceAcquisitionProtocolElementNumber", "Source Acquisition Protocol Element Number", "US",
     {RECONSTRUCTION}, "EQUAL", {"1", "2", "1"}, .value_count = 1},
    {"00189315", "ReconstructionAlgorithm", "Reconstruction Algorithm", "CS", {RECONSTRUCTION}, "EQUAL",
     {"FILTER_BACK_PROJ", "ITERATIVE", "ITERATIVE"}, .value_count = 1},
    {"00181210", "ConvolutionKernel", "Convolution Kernel", "SH", {RECONSTRUCTION}, "EQUAL", {"B30f", "B70f", "STANDARD"}, .value_count = 1},
    {"00189316", "ConvolutionKernelGroup", "Convolution Kernel Group", "CS", {RECONSTRUCTION}, "EQUAL", {"SOFT_TISSUE", "LUNG", "BRAIN"}, .value_count = 1},
    {"00189322", "ReconstructionPixelSpacing", "Reconstruction Pixel Spacing", "FD", {RECONSTRUCTION}, "RANGE_INCL",
     {"0.55", "0.75", "0.9"}, .value_count = 2, .unit = "mm", .unit_meaning = "millimeter"},
    {"00180050", "SliceThickness", "Slice Thickness", "DS", {RECONSTRUCTION}, "EQUAL", {"1", "5", "0.625"}, .value_count = 1, .unit = "mm", .unit_meaning = "millimeter"},
    {"00180088", "SpacingBetweenSlices", "Spacing Between Slices", "DS", {RECONSTRUCTION}, "LESS_OR_EQUAL", {"1", "5", "0.5"}, .value_count = 1, .unit = "mm", .unit_meaning = "millimeter"},
    {"00280010", "Rows", "Rows", "US", {RECONSTRUCTION}, "EQUAL", {"512", "1024", "512"}, .value_count = 1},
    {"00280011", "Columns", "Columns", "US", {RECONSTRUCTION}, "EQUAL", {"512", "1024", "512"}, .value_count = 1},
    {"00181100", "ReconstructionDiameter", "Reconstruction Diameter", "DS", {RECONSTRUCTION}, "RANGE_INCL", {"250", "350", "500"}, .value_count = 2, .unit = "mm", .unit_meaning = "millimeter"},
    {"00189937", "RequestedSeriesDescription", "Requested Series Description", "LO", {RECONSTRUCTION}, "EQUAL",
     {"Axial 5mm", "Lung 1mm", "Bone 1mm"}, .value_count = 1},
};

/* clang-format on */

static uint64_t mix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15U;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9U;
    x = (x ^ x >> 27) * 0x94D049BB133111EBU;
    return x ^ x >> 31;
}

/* The draws of one protocol, in the order in which they are asked for. */
struct draws {
    uint64_t state;
};

static unsigned draw(struct draws *d, size_t size)
{
    d->state = mix(d->state);
    return (unsigned)(d->state % size);
}

/* The first ones are common, the last ones rare. */
static unsigned draw_skewed(struct draws *d, size_t size)
{
    unsigned a = draw(d, size), b = draw(d, size), c = draw(d, size);
    a = a < b ? a : b;
    return a < c ? a : c;
}

/* A code of the enterprise: a prefix and a number of so many digits. */
static void code(struct made_code *c, const char *scheme, const char *prefix, int digits,
                 unsigned long number, const char *meaning)
{
    snprintf(c->value, sizeof(c->value), "%s%0*lu", prefix, digits, number);
    snprintf(c->scheme, sizeof(c->scheme), "%s", scheme);
    snprintf(c->meaning, sizeof(c->meaning), "%s", meaning);
}

static void made_uid(uint64_t n, uint64_t seed, char out[65])
{
    snprintf(out, 65, "2.25.%lu%09lu", (unsigned long)seed, (unsigned long)n);
}

/* Days before (negative) or after 1970-01-01, of the proleptic Gregorian calendar (H. Hinnant's algorithm). */
static void date_of(long days, char out[9])
{
    long z = days + 719468;
    long era = z / 146097;
    long of_era = z - era * 146097;
    long year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    long of_year = of_era - (365 * year + year / 4 - year / 100);
    long month = (5 * of_year + 2) / 153;
    long day = of_year - (153 * month + 2) / 5 + 1;
    month += month < 10 ? 3 : -9;
    snprintf(out, 9, "%04u%02u%02u", (unsigned)(year + era * 400 + (month <= 2)) % 10000,
             (unsigned)month % 100, (unsigned)day % 100);
}

static void make_model(struct draws *d, struct made_model *m)
{
    unsigned maker = draw_skewed(d, COUNT(makers));
    unsigned model = draw_skewed(d, 20);
    snprintf(m->maker, MADE_TEXT, "%s", makers[maker].name);
    snprintf(m->model, MADE_TEXT, "%s %u", makers[maker].series, 16 + 16 * model);
    m->group[0] = 0;
    if (draw(d, 10) == 0)
        snprintf(m->group, MADE_TEXT, "%s family", makers[maker].series);
    snprintf(m->versions[0], sizeof(m->versions[0]), "V%u", 1 + draw(d, 50));
    snprintf(m->versions[1], sizeof(m->versions[1]), "V%u.%u", 1 + draw(d, 50), draw(d, 5));
}

/* Five letters that no other protocol up to number 26^5 has. */
static void make_tag(uint64_t n, char tag[6])
{
    uint64_t rest = n * 4641589 % 11881376;
    for (int i = 0; i < 5; i++, rest /= 26)
        tag[i] = (char)('a' + rest % 26);
    tag[5] = 0;
}

static void make_name(struct draws *d, struct made_protocol *p)
{
    const char *stem;
    char tag[6];
    if (p->is_utf8)
        stem = utf8_names[draw(d, COUNT(utf8_names))];
    else if (p->modality[0] == 'X')
        stem = xa_names[draw(d, COUNT(xa_names))];
    else
        stem = ct_names[draw(d, COUNT(ct_names))];
    make_tag(p->n, tag);
    if (p->n % 100 == 1)
        snprintf(p->name, MADE_TEXT, "%lu", (unsigned long)p->n);
    else
        snprintf(p->name, MADE_TEXT, "%s %s %07lu", stem, tag, (unsigned long)p->n);
}

static void make_creator(struct draws *d, struct made_protocol *p)
{
    unsigned one = draw(d, COUNT(families)), two = draw(d, COUNT(given));
    if (p->is_utf8) {
        snprintf(p->creator, MADE_TEXT, "%s", utf8_creators[one % COUNT(utf8_creators)][0]);
        snprintf(p->creator_folded, MADE_TEXT, "%s", utf8_creators[one % COUNT(utf8_creators)][1]);
        return;
    }
    snprintf(p->creator, MADE_TEXT, "%s^%s", families[one], given[two]);
    snprintf(p->creator_folded, MADE_TEXT, "%s", p->creator);
    for (char *c = p->creator_folded; *c; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
}

static void make_codes(struct draws *d, struct made_protocol *p)
{
    p->region = regions[draw_skewed(d, COUNT(regions))];
    p->group = groups[draw_skewed(d, COUNT(groups))];
    code(&p->scheduled[0], "99HOSP", "SP", 5, draw_skewed(d, 2000), p->region.meaning);
    code(&p->scheduled[1], "99LOCAL", "P", 7, p->n, "Local protocol number");
    p->scheduled_count = 2;
    p->requested[0] = procedures[draw_skewed(d, COUNT(procedures))];
    code(&p->requested[1], "99HOSP", "RP", 5, draw_skewed(d, 2000), p->region.meaning);
    p->requested_count = 1 + draw(d, 2);
    p->reason_count = 1 + draw(d, 2);
    p->reasons[0] = indications[draw(d, COUNT(indications))];
    p->reasons[1] = indications[draw(d, COUNT(indications))];
}

static void make_place(struct draws *d, struct made_protocol *p)
{
    unsigned hospital = draw(d, 60);
    char text[32];
    snprintf(p->institution, MADE_TEXT, "Hospital %02u", hospital);
    snprintf(text, sizeof(text), "Hospital %02u", hospital);
    code(&p->institution_code, "99HOSP", "H", 2, hospital, text);
    if (p->n % 100 == 0) {
        snprintf(p->sponsor, MADE_TEXT, "Sponsor %lu", (unsigned long)(p->n % 700));
        snprintf(p->trial, MADE_TEXT, "TRIAL-%lu", (unsigned long)(p->n % 5000));
    }
}

static void make_models(struct draws *d, struct made_protocol *p)
{
    p->model_count = 1 + (draw(d, 5) == 0) + (draw(d, 10) == 0);
    for (unsigned i = 0; i < p->model_count; i++)
        make_model(d, &p->models[i]);
    if (p->n % 100 == 4)
        snprintf(p->models[0].model, MADE_TEXT, "Prototype %06lu", (unsigned long)(p->n / 100));
}

void made_protocol(uint64_t n, uint64_t seed, struct made_protocol *p)
{
    struct draws d = {mix(seed) ^ mix(~n)};
    bool is_xa = draw(&d, 20) == 0;
    memset(p, 0, sizeof(*p));
    p->n = n;
    p->class_uid = is_xa ? "1.2.840.10008.5.1.4.1.1.200.7" : "1.2.840.10008.5.1.4.1.1.200.1";
    p->modality = is_xa ? "XA" : "CT";
    p->is_utf8 = n % 100 == 50 || n % 100 == 51;
    made_uid(n, seed, p->uid);
    if (n % 5 == 0 && n > 1)
        made_uid(n - 1, seed, p->predecessor);
    date_of(n % 100 == 3 ? 13148 - (long)(n / 100) : 13149 + (long)draw(&d, 7300), p->date);
    snprintf(p->time, sizeof(p->time), "%02u%02u%02u", 8 + draw(&d, 10), draw(&d, 60),
             draw(&d, 60));
    make_name(&d, p);
    make_creator(&d, p);
    make_codes(&d, p);
    make_place(&d, p);
    make_models(&d, p);
    make_model(&d, &p->source);
    snprintf(p->serial, sizeof(p->serial), "%06u", draw(&d, 1000000));
}

void made_constraint(uint64_t n, uint64_t seed, unsigned i, unsigned count,
                     struct made_constraint *c)
{
    enum {
        ACQUISITIONS = COUNT(acquisition_constraints),
        RECONSTRUCTIONS = COUNT(reconstruction_constraints)
    };
    struct draws d = {mix(seed) ^ mix(~n) ^ mix(i + 1)};
    unsigned first = (count * 3 + 4) / 5; /* three of five are of acquisitions */
    bool is_acquisition = i < first;
    unsigned size = is_acquisition ? ACQUISITIONS : RECONSTRUCTIONS;
    unsigned at = is_acquisition ? i : i - first;

    *c =
        is_acquisition ? acquisition_constraints[at % size] : reconstruction_constraints[at % size];
    c->is_acquisition = is_acquisition;
    c->element = 1 + at / size;
    c->ordinal = 1 + at % size;
    if (c->value_count == 1)
        c->values[0] = c->values[draw(&d, COUNT(c->values))];
}
