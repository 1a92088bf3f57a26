/*
 * schema_file.h - schemas, instances and further documents from files, for heed schema.
 */
#ifndef HEED_CLI_SCHEMA_FILE_H
#define HEED_CLI_SCHEMA_FILE_H

#include "base/arena.h"
#include "base/schema.h"

/* Read FILE or FILE#POINTER, JSON or (by its name) YAML; "-" is standard input. A pointer
 * picks a part, such as the answer schema in a configuration. HEED_E_IO, HEED_E_INVALID,
 * HEED_E_NOTFOUND with words. */
int schema_file_read(struct arena *arena, const char *name, struct heed_json *ret_value,
                     struct heed_error *error);
/* Add to `library` what `--with` names: [URI=]FILE or [URI=]FOLDER, of which all .json
 * files below are added at URI and their path. Without URI they are known by their $id.
 */
int schema_file_add(struct arena *arena, struct schema_library *library, const char *with,
                    struct heed_error *error);

#endif
