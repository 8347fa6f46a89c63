// The schema and its migrations: numbered, forward only, each in one transaction.
#pragma once

#include "core/store/sqlite/connection.h"

namespace aftersales::store::sqlite {

// Brings the database to the newest schema. Throws Error if it has a newer one than this program
// knows: an old program must not write into a database that it does not understand.
void Migrate(Connection& connection);

}  // namespace aftersales::store::sqlite
