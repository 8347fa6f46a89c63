# Building plugins.
#
#   aftersales_add_plugin(NAME acme SOURCES acme.cc [LIBS ZLIB::ZLIB] [TESTS acme_test.cc]
#                         [CHECK_CONFIG base_url=http://localhost:8080])
#
# Makes the target `acme`, the plugin acme.so in ${AFTERSALES_PLUGIN_DIR} (default: the folder
# `plugins` of the build tree), installed to ${AFTERSALES_PLUGIN_INSTALL_DIR} (default:
# lib/aftersales/plugins). With TESTS also `acme_test`, a GoogleTest program of the same objects,
# registered with CTest; and, where the program `aftersales` is found, the test `acme_check`, which is
# `aftersales plugin check` with the settings CHECK_CONFIG. AFTERSALES_CHECK_PLUGINS=OFF leaves that
# out. NO_INSTALL leaves the plugin out of the installation. A library in LIBS must not bring full
# protobuf, gRPC or spdlog with it: the host has its own, and two of them in one process abort it.
#
# Messages are protobuf *lite*, generated once into the static library aftersales_sdk_lite and
# hidden, so that the plugin's copy and the host's full one never meet. Debian has only the full
# well-known types, so those in use are generated as well and come first on the include path.

include_guard(GLOBAL)

if(NOT DEFINED AFTERSALES_SDK_INCLUDE_DIR OR NOT DEFINED AFTERSALES_SDK_PROTO_DIR)
  message(FATAL_ERROR "Use find_package(AftersalesSDK) rather than including this file")
endif()
set_property(GLOBAL PROPERTY AFTERSALES_SDK_CMAKE_DIR ${CMAKE_CURRENT_LIST_DIR})

# The host's program, which checks plugins. Without it they are built and not checked.
if(NOT DEFINED AFTERSALES_PROGRAM)
  find_program(AFTERSALES_PROGRAM aftersales HINTS ${AFTERSALES_SDK_INCLUDE_DIR}/../bin)
endif()
set_property(GLOBAL PROPERTY AFTERSALES_SDK_PROGRAM "${AFTERSALES_PROGRAM}")

if(NOT TARGET protobuf::libprotobuf-lite)
  find_package(Protobuf REQUIRED)
endif()
find_path(AFTERSALES_SDK_WELL_KNOWN_DIR google/protobuf/timestamp.proto
          HINTS ${Protobuf_INCLUDE_DIRS} REQUIRED)
mark_as_advanced(AFTERSALES_SDK_WELL_KNOWN_DIR)

# What all code of a plugin is compiled with. Hidden, or lite and full classes of the same name are
# mixed by interposition; no unique symbols, which survive even RTLD_LOCAL.
add_library(aftersales_sdk INTERFACE)
target_include_directories(aftersales_sdk INTERFACE ${AFTERSALES_SDK_INCLUDE_DIR})
target_compile_features(aftersales_sdk INTERFACE cxx_std_20)
target_compile_options(aftersales_sdk INTERFACE
  -fvisibility=hidden
  $<$<COMPILE_LANGUAGE:CXX>:-fvisibility-inlines-hidden>
  $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>)
set(_aftersales_sdk_warnings -Wall -Wextra -Wpedantic -Wshadow -Werror
    $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor> $<$<COMPILE_LANGUAGE:CXX>:-Woverloaded-virtual>)
set_property(GLOBAL PROPERTY AFTERSALES_SDK_WARNINGS "${_aftersales_sdk_warnings}")

# The lite messages of the contract: resources and plugin services, not the public services of the
# host.
function(_aftersales_sdk_add_lite)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/aftersales_sdk_lite)
  file(MAKE_DIRECTORY ${out})
  file(GLOB protos CONFIGURE_DEPENDS RELATIVE ${AFTERSALES_SDK_PROTO_DIR}
       ${AFTERSALES_SDK_PROTO_DIR}/aftersales/v1/*.proto
       ${AFTERSALES_SDK_PROTO_DIR}/aftersales/plugin/v1/*.proto)
  list(FILTER protos EXCLUDE REGEX "^aftersales/v1/.*_service\\.proto$")
  set(depends ${protos})
  list(TRANSFORM depends PREPEND ${AFTERSALES_SDK_PROTO_DIR}/)
  list(APPEND protos google/protobuf/duration.proto google/protobuf/timestamp.proto)
  set(sources)
  set(headers)
  foreach(proto IN LISTS protos)
    string(REGEX REPLACE "\\.proto$" "" base ${proto})
    list(APPEND sources ${out}/${base}.pb.cc)
    list(APPEND headers ${out}/${base}.pb.h)
  endforeach()
  add_custom_command(
    OUTPUT ${sources} ${headers}
    COMMAND protobuf::protoc -I${AFTERSALES_SDK_PROTO_DIR} -I${AFTERSALES_SDK_WELL_KNOWN_DIR}
            --cpp_out=lite:${out} ${protos}
    DEPENDS ${depends}
    COMMENT "protoc (lite messages for plugins)"
    VERBATIM)
  add_library(aftersales_sdk_lite STATIC ${sources})
  set_target_properties(aftersales_sdk_lite PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_include_directories(aftersales_sdk_lite SYSTEM BEFORE PUBLIC ${out})
  target_link_libraries(aftersales_sdk_lite PUBLIC aftersales_sdk protobuf::libprotobuf-lite)
endfunction()
_aftersales_sdk_add_lite()

function(aftersales_add_plugin)
  cmake_parse_arguments(arg "NO_INSTALL" "NAME" "SOURCES;LIBS;TESTS;CHECK_CONFIG" ${ARGN})
  if(NOT arg_NAME OR NOT arg_SOURCES OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "usage: aftersales_add_plugin(NAME name SOURCES file... [LIBS target...] "
                        "[TESTS file...] [CHECK_CONFIG key=value...] [NO_INSTALL])")
  endif()
  get_property(sdk_cmake_dir GLOBAL PROPERTY AFTERSALES_SDK_CMAKE_DIR)
  set(exports ${sdk_cmake_dir}/plugin_exports.map)
  set(plugin_dir ${CMAKE_BINARY_DIR}/plugins)
  if(AFTERSALES_PLUGIN_DIR)
    set(plugin_dir ${AFTERSALES_PLUGIN_DIR})
  endif()
  set(install_dir lib/aftersales/plugins)
  if(AFTERSALES_PLUGIN_INSTALL_DIR)
    set(install_dir ${AFTERSALES_PLUGIN_INSTALL_DIR})
  endif()

  # The objects once, for the plugin and its test.
  set(objects ${arg_NAME}_objects)
  add_library(${objects} OBJECT ${arg_SOURCES})
  set_target_properties(${objects} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_include_directories(${objects} PUBLIC ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  get_property(warnings GLOBAL PROPERTY AFTERSALES_SDK_WARNINGS)
  target_compile_options(${objects} PRIVATE ${warnings})
  target_link_libraries(${objects} PUBLIC aftersales_sdk_lite ${arg_LIBS})

  add_library(${arg_NAME} MODULE)
  set_target_properties(${arg_NAME} PROPERTIES PREFIX "" SUFFIX ".so" LINKER_LANGUAGE CXX
    LIBRARY_OUTPUT_DIRECTORY ${plugin_dir} LINK_DEPENDS ${exports})
  target_link_libraries(${arg_NAME} PRIVATE ${objects})
  target_link_options(${arg_NAME} PRIVATE -Wl,--version-script=${exports} -Wl,-z,nodelete
                      -Wl,--exclude-libs,ALL -Wl,--as-needed)
  # clang leaves the symbols of its sanitizers to the program that loads a shared object.
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang" OR
     NOT "-fsanitize=${AFTERSALES_SANITIZE} ${CMAKE_CXX_FLAGS}" MATCHES "-fsanitize=[a-z]")
    target_link_options(${arg_NAME} PRIVATE -Wl,-z,defs)
  endif()
  # The host refuses a plugin that others may write, which a umask of 002 would make it.
  add_custom_command(TARGET ${arg_NAME} POST_BUILD
    COMMAND chmod go-w $<TARGET_FILE:${arg_NAME}> ${plugin_dir} VERBATIM)
  if(NOT arg_NO_INSTALL)
    install(TARGETS ${arg_NAME} LIBRARY DESTINATION ${install_dir}
            PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
                        WORLD_READ WORLD_EXECUTE)
    # Its manifest: what was installed is what the host will load. Made last, since an installation
    # may strip the file.
    install(CODE "
      set(file \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${install_dir}/${arg_NAME}.so\")
      file(SHA256 \"\${file}\" sha256)
      string(REGEX REPLACE \"[.]so$\" \".plugin.json\" manifest \"\${file}\")
      file(WRITE \"\${manifest}\"
           \"{\\\"name\\\": \\\"${arg_NAME}\\\", \\\"abi_major\\\": 1, \\\"sha256\\\": \\\"\${sha256}\\\"}\\n\")
      message(STATUS \"Manifest: \${manifest}\")")
  endif()

  if(arg_TESTS AND (NOT DEFINED AFTERSALES_TESTS OR AFTERSALES_TESTS))
    if(NOT TARGET GTest::gtest_main)
      find_package(GTest REQUIRED)
    endif()
    add_executable(${arg_NAME}_test ${arg_TESTS})
    target_compile_options(${arg_NAME}_test PRIVATE ${warnings})
    target_compile_definitions(${arg_NAME}_test PRIVATE
                               AFTERSALES_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
                               AFTERSALES_PLUGIN_DIR="${plugin_dir}")
    target_link_libraries(${arg_NAME}_test PRIVATE ${objects} GTest::gmock GTest::gtest_main)
    include(GoogleTest)
    gtest_discover_tests(${arg_NAME}_test DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 300)
  endif()

  get_property(program GLOBAL PROPERTY AFTERSALES_SDK_PROGRAM)
  if(program AND NOT AFTERSALES_SANITIZE AND (NOT DEFINED AFTERSALES_TESTS OR AFTERSALES_TESTS) AND
     (NOT DEFINED AFTERSALES_CHECK_PLUGINS OR AFTERSALES_CHECK_PLUGINS))
    set(settings ${arg_CHECK_CONFIG})
    list(TRANSFORM settings PREPEND --config=)
    add_test(NAME ${arg_NAME}_check
             COMMAND ${program} plugin check $<TARGET_FILE:${arg_NAME}> ${settings})
    set_tests_properties(${arg_NAME}_check PROPERTIES TIMEOUT 600)
  endif()
endfunction()
