# SPDX-License-Identifier: Apache-2.0
#
# Turns texts into C sources with arrays. Included by the build it declares the rules; run as a script
# (cmake -D ROOT=... -D OUTPUT=... [-D MORE=...] [-D TEXT=... -D NAME=...] -P embed.cmake) it writes one of the sources:
#
#   migrations/*.sql and sql/**/*.sql, linked into pg, so that the binary carries its schema (server/pg/embedded.h);
#   with MORE, the migrations of that folder too: a build of a next version, for tests (embed_next)
#   with TEXT, that one file as `const unsigned char NAME[]`: the conformance statement's (server/app/conformance.h)
if(NOT CMAKE_SCRIPT_MODE_FILE)
    file(GLOB_RECURSE embed_inputs CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/sql/*.sql)
    file(GLOB embed_migrations CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/migrations/*.sql)
    set(embed_output ${CMAKE_BINARY_DIR}/generated/embedded_sql.c)
    # The list of names is an input too: a file that is removed must vanish from the source.
    string(REPLACE ";" "\n" embed_names "${embed_migrations};${embed_inputs}")
    file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/embedded_sql.list CONTENT "${embed_names}\n" @ONLY)
    add_custom_command(
        OUTPUT ${embed_output}
        COMMAND ${CMAKE_COMMAND} -D ROOT=${CMAKE_SOURCE_DIR} -D OUTPUT=${embed_output}
                -P ${CMAKE_CURRENT_LIST_FILE}
        DEPENDS ${embed_migrations} ${embed_inputs} ${CMAKE_BINARY_DIR}/generated/embedded_sql.list
                ${CMAKE_CURRENT_LIST_FILE}
        COMMENT "Embedding migrations and SQL definitions"
        VERBATIM)
    target_sources(dppr_pg PRIVATE ${embed_output})

    # embed_next(<target> <folder relative to the root>): the target carries these migrations too
    function(embed_next target folder)
        set(output ${CMAKE_BINARY_DIR}/generated/${target}_sql.c)
        file(GLOB more CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.sql)
        string(REPLACE ";" "\n" names "${embed_migrations};${embed_inputs};${more}")
        file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/${target}_sql.list CONTENT "${names}\n" @ONLY)
        add_custom_command(
            OUTPUT ${output}
            COMMAND ${CMAKE_COMMAND} -D ROOT=${CMAKE_SOURCE_DIR} -D OUTPUT=${output} -D MORE=${folder}
                    -P ${CMAKE_SOURCE_DIR}/tools/embed.cmake
            DEPENDS ${embed_migrations} ${embed_inputs} ${more} ${CMAKE_BINARY_DIR}/generated/${target}_sql.list
                    ${CMAKE_SOURCE_DIR}/tools/embed.cmake
            COMMENT "Embedding ${folder}"
            VERBATIM)
        target_sources(${target} PRIVATE ${output})
        target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/server/pg)
    endfunction()

    # embed_text(<target> <array name> <file relative to the root> <header that declares it>)
    function(embed_text target name file header)
        set(output ${CMAKE_BINARY_DIR}/generated/${name}.c)
        add_custom_command(
            OUTPUT ${output}
            COMMAND ${CMAKE_COMMAND} -D ROOT=${CMAKE_SOURCE_DIR} -D OUTPUT=${output} -D TEXT=${file}
                    -D NAME=${name} -D HEADER=${header} -P ${CMAKE_SOURCE_DIR}/tools/embed.cmake
            DEPENDS ${CMAKE_SOURCE_DIR}/${file} ${CMAKE_SOURCE_DIR}/tools/embed.cmake
            COMMENT "Embedding ${file}"
            VERBATIM)
        target_sources(${target} PRIVATE ${output})
    endfunction()
    return()
endif()

# The octets of a file as initializers of an array that ends with a 0, so that C sees a string.
function(embed_octets file result length)
    file(READ ${ROOT}/${file} hex HEX)
    string(LENGTH "${hex}" digits)
    math(EXPR digits "${digits} / 2")
    # A line per 32 octets, then each pair of digits as a number.
    string(REGEX REPLACE "(................................................................)" "\\1\n" hex "${hex}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
    set(${result} "${hex}0" PARENT_SCOPE)
    set(${length} ${digits} PARENT_SCOPE)
endfunction()

if(DEFINED TEXT)
    embed_octets(${TEXT} octets length)
    file(WRITE ${OUTPUT} "/* Generated from ${TEXT} by tools/embed.cmake. */\n#include \"${HEADER}\"\nconst unsigned char ${NAME}[] = {\n${octets}};\n")
    return()
endif()

# embed_group(<array name> <file relative to ROOT>...)
function(embed_group name)
    set(texts "")
    set(table "")
    set(index 0)
    foreach(file ${ARGN})
        embed_octets(${file} octets length)
        string(APPEND texts "static const unsigned char ${name}_${index}[] = { /* ${file} */\n${octets}};\n")
        string(APPEND table "    {\"${file}\", (const char *)${name}_${index}, ${length}},\n")
        math(EXPR index "${index} + 1")
    endforeach()
    string(APPEND table "    {NULL, NULL, 0},\n")
    file(APPEND ${OUTPUT}.tmp
         "${texts}const struct embedded_file ${name}[] = {\n${table}};\nconst unsigned ${name}_count = ${index};\n")
endfunction()

file(GLOB migrations RELATIVE ${ROOT} ${ROOT}/migrations/*.sql)
file(GLOB functions RELATIVE ${ROOT} ${ROOT}/sql/functions/*.sql)
file(GLOB views RELATIVE ${ROOT} ${ROOT}/sql/views/*.sql)
file(GLOB triggers RELATIVE ${ROOT} ${ROOT}/sql/triggers/*.sql)
file(GLOB data RELATIVE ${ROOT} ${ROOT}/sql/data/*.sql)
file(GLOB roles RELATIVE ${ROOT} ${ROOT}/sql/roles.sql)
list(SORT migrations)
if(DEFINED MORE)
    file(GLOB more RELATIVE ${ROOT} ${ROOT}/${MORE}/*.sql)
    list(SORT more)
    list(APPEND migrations ${more})
endif()
list(SORT functions)
list(SORT views)
list(SORT data)
list(SORT triggers)
set(definitions ${functions} ${data} ${views} ${roles} ${triggers}) # in the order in which they are applied

set(content "")
foreach(file ${definitions})
    file(SHA256 ${ROOT}/${file} hash)
    string(APPEND content "${file} ${hash}\n")
endforeach()
string(SHA256 definitions_hash "${content}${MORE}") # a next version has others

file(WRITE ${OUTPUT}.tmp "/* Generated from migrations/ and sql/ by tools/embed.cmake. */\n#include \"embedded.h\"\n")
embed_group(embedded_migrations ${migrations})
embed_group(embedded_definitions ${definitions})
file(APPEND ${OUTPUT}.tmp "const char embedded_definitions_hash[] = \"${definitions_hash}\";\n")
file(RENAME ${OUTPUT}.tmp ${OUTPUT})
