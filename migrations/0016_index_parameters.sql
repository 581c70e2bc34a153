-- compatible
-- Questions about parameters: what a constraint allows, as numbers in the unit that the attribute has in DICOM, and the
-- index that finds it. The view over it is dpp.parameter_search (sql/views).
--
-- The index is on expressions, so the table gets no column and is not written anew. What an index depends on must not
-- change under it; so these functions are here and not in sql/. Another keyword or unit takes a migration that replaces
-- the function and makes the index again.
--
-- The planner expands parameter_keyword and highest_allowed, in the index as well as in a query, and PostgreSQL
-- prepares the expressions of an index anew for every insert; so they are short, and decide the usual cases (a keyword,
-- one number, the attribute's own unit) without a call. What is not usual is left to functions that are not expanded.
--
-- Made on 10,000,000 constraints it takes 20 to 65 s and 470 MB; stores wait meanwhile, queries do not.

create function dpp.parse_as(value text)
returns double precision language sql immutable strict parallel safe as $$
    select case
        when value ~ '^[0-9]{1,3}[DWMY] *$'
        then substring(value from '^[0-9]+')::double precision / case substring(value from '[DWMY]')
            when 'D' then 365.25
            when 'W' then 365.25 / 7
            when 'M' then 12
            else 1
        end
    end
$$;
comment on function dpp.parse_as(text) is 'A DICOM age (VR AS, PS3.5 6.2) such as 018M in years; null when it is none';

create function dpp.attribute_unit(attribute text)
returns text language sql immutable strict parallel safe as $$
    select jsonb '{
        "00101010": "a", "00101020": "m", "00101022": "kg/m2", "00101023": "mm", "00101024": "mm", "00101030": "kg",
        "00180040": "1/s", "00180050": "mm", "00180060": "kV", "00180088": "mm", "00180090": "mm", "00181041": "mL",
        "00181046": "mL/s", "00181047": "s", "00181063": "ms", "00181100": "mm", "00181110": "mm", "00181111": "mm",
        "00181120": "deg", "00181130": "mm", "00181150": "ms", "00181151": "mA", "00181152": "mA.s",
        "00181153": "uA.s", "00181154": "ms", "0018115E": "dGy.cm2", "00181164": "mm", "00181170": "kW",
        "00181190": "mm", "00181271": "mm", "00181510": "deg", "00181511": "deg", "00187052": "mm", "00187054": "mm",
        "00189303": "deg", "00189305": "s", "00189306": "mm", "00189307": "mm", "00189309": "mm/s", "00189310": "mm",
        "00189311": "1", "00189322": "mm", "00189328": "ms", "00189330": "mA", "00189332": "mA.s", "00189345": "mGy",
        "00189461": "mm", "00189904": "mm", "00189942": "mGy", "00189943": "mGy.cm", "00189945": "kV",
        "00189946": "kV", "00280030": "mm", "00408302": "mGy"
    }' ->> attribute
$$;
comment on function dpp.attribute_unit(text) is
    'The unit (UCUM) that an attribute, given as eight hexadecimal digits, has in DICOM, such as kV for 00180060; null for one that has none, or is not known';

create function dpp.attribute_keyword(attribute text)
returns text language plpgsql immutable strict parallel safe as $$
begin
    return jsonb '{
        "00080080": "InstitutionName", "00081140": "ReferencedImageSequence", "00100040": "PatientSex",
        "00101010": "PatientAge", "00101020": "PatientSize", "00101022": "PatientBodyMassIndex",
        "00101023": "MeasuredAPDimension", "00101024": "MeasuredLateralDimension", "00101030": "PatientWeight",
        "001021A0": "SmokingStatus", "001021C0": "PregnancyStatus", "00180015": "BodyPartExamined",
        "00180040": "CineRate", "00180050": "SliceThickness", "00180060": "KVP", "00180088": "SpacingBetweenSlices",
        "00180090": "DataCollectionDiameter", "00181041": "ContrastBolusVolume", "00181046": "ContrastFlowRate",
        "00181047": "ContrastFlowDuration", "00181063": "FrameTime", "00181100": "ReconstructionDiameter",
        "00181110": "DistanceSourceToDetector", "00181111": "DistanceSourceToPatient",
        "00181120": "GantryDetectorTilt", "00181130": "TableHeight", "00181150": "ExposureTime",
        "00181151": "XRayTubeCurrent", "00181152": "Exposure", "00181153": "ExposureInuAs",
        "00181154": "AveragePulseWidth", "00181155": "RadiationSetting",
        "0018115E": "ImageAndFluoroscopyAreaDoseProduct", "00181160": "FilterType", "00181164": "ImagerPixelSpacing",
        "00181170": "GeneratorPower", "00181190": "FocalSpots", "00181210": "ConvolutionKernel",
        "00181271": "WaterEquivalentDiameter", "00181510": "PositionerPrimaryAngle",
        "00181511": "PositionerSecondaryAngle", "00181700": "CollimatorShape", "00185100": "PatientPosition",
        "00187050": "FilterMaterial", "00187052": "FilterThicknessMinimum", "00187054": "FilterThicknessMaximum",
        "00189004": "ContentQualification", "00189073": "AcquisitionDuration",
        "00189170": "RespiratoryMotionCompensationTechnique", "00189302": "AcquisitionType", "00189303": "TubeAngle",
        "00189305": "RevolutionTime", "00189306": "SingleCollimationWidth", "00189307": "TotalCollimationWidth",
        "00189309": "TableSpeed", "00189310": "TableFeedPerRotation", "00189311": "SpiralPitchFactor",
        "00189315": "ReconstructionAlgorithm", "00189316": "ConvolutionKernelGroup",
        "00189317": "ReconstructionFieldOfView", "00189322": "ReconstructionPixelSpacing",
        "00189323": "ExposureModulationType", "00189324": "EstimatedDoseSaving", "00189328": "ExposureTimeInms",
        "00189330": "XRayTubeCurrentInmA", "00189332": "ExposureInmAs", "00189333": "ConstantVolumeFlag",
        "00189334": "FluoroscopyFlag", "00189345": "CTDIvol", "00189346": "CTDIPhantomTypeCodeSequence",
        "00189461": "FieldOfViewDimensionsInFloat", "00189900": "ReferenceLocationLabel",
        "00189901": "ReferenceLocationDescription", "00189902": "ReferenceBasisCodeSequence",
        "00189903": "ReferenceGeometryCodeSequence", "00189904": "OffsetDistance", "00189905": "OffsetDirection",
        "00189922": "ProtocolElementName", "00189923": "ProtocolElementCharacteristicsSummary",
        "00189924": "ProtocolElementPurpose", "00189930": "AcquisitionMotion",
        "00189937": "RequestedSeriesDescription", "00189938": "SourceAcquisitionProtocolElementNumber",
        "00189939": "SourceAcquisitionBeamNumber", "0018993A": "SourceReconstructionProtocolElementNumber",
        "0018993D": "ReconstructionAlgorithmSequence", "00189941": "ImageFilterDescription",
        "00189942": "CTDIvolNotificationTrigger", "00189943": "DLPNotificationTrigger",
        "00189944": "AutoKVPSelectionType", "00189945": "AutoKVPUpperBound", "00189946": "AutoKVPLowerBound",
        "00280010": "Rows", "00280011": "Columns", "00280030": "PixelSpacing", "00408302": "EntranceDoseInmGy",
        "00660030": "AlgorithmNameCodeSequence", "00660036": "AlgorithmName", "21000140": "DestinationAE",
        "300A00C0": "BeamNumber"
    }' ->> attribute;
end
$$;
comment on function dpp.attribute_keyword(text) is
    'The keyword of an attribute that protocols constrain, given as eight hexadecimal digits, such as KVP for 00180060; null for one that is not known';

create function dpp.parameter_keyword(attribute text, keyword text)
returns text language sql immutable parallel safe as $$
    select coalesce(keyword, dpp.attribute_keyword(attribute), attribute)
$$;
comment on function dpp.parameter_keyword(text, text) is
    'What a constrained attribute is found by: the keyword that its constraint gives, else the attribute''s, else its tag';

-- The same figures as dpp.units, which tests/sql/search.sql holds them against. A number that is beyond double precision in
-- the other unit is infinite there, or zero: an error here would be one of the index, and keep a received object out.
create function dpp.convert_unit(number double precision, from_unit text, to_unit text)
returns double precision language plpgsql immutable parallel safe as $$
declare
    units constant jsonb := jsonb '{
        "A": ["current", 1], "mA": ["current", 1e-3], "uA": ["current", 1e-6], "V": ["voltage", 1],
        "mV": ["voltage", 1e-3], "kV": ["voltage", 1e3], "MV": ["voltage", 1e6], "C": ["charge", 1],
        "mC": ["charge", 1e-3], "uC": ["charge", 1e-6], "A.s": ["charge", 1], "mA.s": ["charge", 1e-3],
        "uA.s": ["charge", 1e-6], "mAs": ["charge", 1e-3], "uAs": ["charge", 1e-6], "s": ["time", 1],
        "ms": ["time", 1e-3], "us": ["time", 1e-6], "min": ["time", 60], "h": ["time", 3600], "d": ["time", 86400],
        "wk": ["time", 604800], "mo": ["time", 2629800], "a": ["time", 31557600], "m": ["length", 1],
        "dm": ["length", 1e-1], "cm": ["length", 1e-2], "mm": ["length", 1e-3], "um": ["length", 1e-6],
        "m2": ["area", 1], "cm2": ["area", 1e-4], "mm2": ["area", 1e-6], "m3": ["volume", 1], "L": ["volume", 1e-3],
        "l": ["volume", 1e-3], "dL": ["volume", 1e-4], "mL": ["volume", 1e-6], "ml": ["volume", 1e-6],
        "uL": ["volume", 1e-9], "cm3": ["volume", 1e-6], "mm3": ["volume", 1e-9], "g": ["mass", 1],
        "kg": ["mass", 1e3], "mg": ["mass", 1e-3], "ug": ["mass", 1e-6], "Gy": ["dose", 1], "dGy": ["dose", 1e-1],
        "cGy": ["dose", 1e-2], "mGy": ["dose", 1e-3], "uGy": ["dose", 1e-6], "Gy.m": ["dose length product", 1],
        "Gy.cm": ["dose length product", 1e-2], "mGy.m": ["dose length product", 1e-3],
        "mGy.cm": ["dose length product", 1e-5], "uGy.m": ["dose length product", 1e-6],
        "Gy.m2": ["dose area product", 1], "Gy.cm2": ["dose area product", 1e-4],
        "dGy.cm2": ["dose area product", 1e-5], "cGy.cm2": ["dose area product", 1e-6],
        "mGy.cm2": ["dose area product", 1e-7], "mGy.m2": ["dose area product", 1e-3],
        "uGy.m2": ["dose area product", 1e-6], "Gy/s": ["dose rate", 1], "mGy/s": ["dose rate", 1e-3],
        "uGy/s": ["dose rate", 1e-6], "Gy/min": ["dose rate", 0.016666666666666666667],
        "mGy/min": ["dose rate", 0.000016666666666666666667], "W": ["power", 1], "kW": ["power", 1e3],
        "eV": ["energy", 1], "keV": ["energy", 1e3], "MeV": ["energy", 1e6], "deg": ["angle", 1],
        "rad": ["angle", 57.295779513082320876798], "deg/s": ["angular velocity", 1],
        "rad/s": ["angular velocity", 57.295779513082320876798], "m/s": ["speed", 1], "cm/s": ["speed", 1e-2],
        "mm/s": ["speed", 1e-3], "Hz": ["frequency", 1], "/s": ["frequency", 1], "1/s": ["frequency", 1],
        "kHz": ["frequency", 1e3], "MHz": ["frequency", 1e6], "/min": ["frequency", 0.016666666666666666667],
        "1/min": ["frequency", 0.016666666666666666667], "1": ["number", 1], "%": ["number", 1e-2],
        "mL/s": ["flow", 1], "ml/s": ["flow", 1], "cm3/s": ["flow", 1], "L/s": ["flow", 1e3],
        "mL/min": ["flow", 0.016666666666666666667], "L/min": ["flow", 16.666666666666666667],
        "g/L": ["concentration", 1], "mg/mL": ["concentration", 1], "mg/cm3": ["concentration", 1],
        "mg/dL": ["concentration", 1e-2], "g/mL": ["concentration", 1e3], "kg/m2": ["mass per area", 1],
        "g/cm2": ["mass per area", 10], "[hnsf''U]": ["attenuation", 1], "HU": ["attenuation", 1]
    }';
    a jsonb := units -> from_unit;
    b jsonb := units -> to_unit;
    exact numeric;
begin
    if from_unit = to_unit or a is null or b is null then
        return number;
    elsif a -> 0 <> b -> 0 then
        return null;
    end if;
    exact := number::numeric * (a -> 1)::numeric / (b -> 1)::numeric;
    return case
        when exact = 'NaN' then 'NaN'
        when abs(exact) > 1.7976931348623157e308 then sign(exact) * double precision 'Infinity'
        when abs(exact) < 4.9406564584124655e-324 then 0
        else exact
    end;
end
$$;
comment on function dpp.convert_unit(double precision, text, text) is
    'A number in another unit (dpp.units), such as 120000 V in kV; null when the units measure different things, the number as it is when one of them is not known';

create function dpp.allowed_range(
    attribute text, vr text, constraint_type text, texts text[], numbers double precision[], unit text,
    out lowest double precision, out highest double precision)
language plpgsql immutable parallel safe as $$
declare
    n double precision[] := case
        when vr = 'AS' then array(
            select dpp.parse_as(t.value) from unnest(texts) with ordinality as t (value, n) order by t.n)
        else numbers
    end;
begin
    if constraint_type in ('EQUAL', 'MEMBER_OF') then
        select min(v.number), max(v.number) into lowest, highest from unnest(n) as v (number);
    elsif constraint_type in ('RANGE_INCL', 'RANGE_EXCL') then
        lowest := n[1];
        highest := n[2];
    elsif constraint_type in ('GREATER_OR_EQUAL', 'GREATER_THAN') and n[1] is not null then
        lowest := n[1];
        highest := 'Infinity';
    elsif constraint_type in ('LESS_OR_EQUAL', 'LESS_THAN') and n[1] is not null then
        lowest := '-Infinity';
        highest := n[1];
    end if;
    if unit <> dpp.attribute_unit(attribute) then
        lowest := dpp.convert_unit(lowest, unit, dpp.attribute_unit(attribute));
        highest := dpp.convert_unit(highest, unit, dpp.attribute_unit(attribute));
    end if;
end
$$;
comment on function dpp.allowed_range(text, text, text, text[], double precision[], text) is
    'The ends of what a constraint allows, in the unit of the attribute (ages in years): infinite where there is none, null when the constraint is not about numbers';

create function dpp.lowest_allowed(
    attribute text, vr text, constraint_type text, texts text[], numbers double precision[], unit text)
returns double precision language sql immutable parallel safe as $$
    select case
        when numbers = '{}' and vr <> 'AS' then null
        when constraint_type = 'EQUAL' and cardinality(numbers) = 1
            and coalesce(unit = dpp.attribute_unit(attribute), true)
        then numbers[1]
        else (dpp.allowed_range(attribute, vr, constraint_type, texts, numbers, unit)).lowest
    end
$$;
comment on function dpp.lowest_allowed(text, text, text, text[], double precision[], text) is
    'The lower end of dpp.allowed_range';

create function dpp.highest_allowed(
    attribute text, vr text, constraint_type text, texts text[], numbers double precision[], unit text)
returns double precision language sql immutable parallel safe as $$
    select case
        when numbers = '{}' and vr <> 'AS' then null
        when constraint_type in ('EQUAL', 'LESS_OR_EQUAL', 'LESS_THAN') and cardinality(numbers) = 1
            and coalesce(unit = dpp.attribute_unit(attribute), true)
        then numbers[1]
        else (dpp.allowed_range(attribute, vr, constraint_type, texts, numbers, unit)).highest
    end
$$;
comment on function dpp.highest_allowed(text, text, text, text[], double precision[], text) is
    'The upper end of dpp.allowed_range, by which parameter_constraints_search_idx finds a constraint';

create index parameter_constraints_search_idx on dpp.parameter_constraints (
    dpp.parameter_keyword(selector_attribute, selector_keyword),
    dpp.highest_allowed(
        selector_attribute, selector_vr, constraint_type, constraint_values, constraint_numbers, unit_code));
