# Turns migrations/*.sql and sql/**/*.sql into one C source with the texts as arrays, so that the binary
# carries its schema. (Filled in with pg/migrate.)
