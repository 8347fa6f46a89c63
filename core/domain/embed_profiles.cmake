# Writes OUT, a C++ source that holds the text protos of PROFILES (a list of files).
# cmake -DOUT=... -DPROFILES=a.textproto,b.textproto -P embed_profiles.cmake
string(REPLACE "," ";" profiles "${PROFILES}")
set(entries "")
foreach(file IN LISTS profiles)
  get_filename_component(name ${file} NAME_WLE)
  file(READ ${file} text)
  string(APPEND entries "    {\"${name}\", R\"PROFILE(${text})PROFILE\"},\n")
endforeach()
file(WRITE ${OUT} "#include \"core/domain/profiles_data.h\"

namespace aftersales {
namespace {
constexpr EmbeddedProfile kProfiles[] = {
${entries}};
}  // namespace

std::span<const EmbeddedProfile> EmbeddedProfiles() { return kProfiles; }

}  // namespace aftersales
")
