# A layer is a folder below src/ that sees only the layers it names.
#
# Sources write `#include "mqtt/topic.h"`. If src/ itself were on the include path, every layer could
# include every other one. Instead each layer gets an include root of its own in the build folder,
# build/.../layers/NAME/, that holds links to its own headers alone, and a target sees the roots of the
# layers it links to: a forbidden include does not compile.

# tombo_include_root(TARGET_NAME FOLDER HEADER...): makes layers/TARGET_NAME/FOLDER/ with a link for
# each HEADER (a path below src/FOLDER) and sets tombo_include_root_dir.
function(tombo_include_root name folder)
  set(root ${CMAKE_BINARY_DIR}/layers/${name})
  file(REMOVE_RECURSE ${root})
  foreach(header IN LISTS ARGN)
    get_filename_component(parent ${root}/${folder}/${header} DIRECTORY)
    file(MAKE_DIRECTORY ${parent})
    file(CREATE_LINK ${CMAKE_SOURCE_DIR}/src/${folder}/${header} ${root}/${folder}/${header} SYMBOLIC)
  endforeach()
  set(tombo_include_root_dir ${root} PARENT_SCOPE)
endfunction()

# tombo_layer(NAME [FOLDER path] [HEADERS glob...] [SOURCES file...] [DEPENDS target...])
# Without HEADERS the layer shows all headers directly in its folder; without SOURCES it is header-only.
function(tombo_layer name)
  cmake_parse_arguments(arg "" "FOLDER" "HEADERS;SOURCES;DEPENDS" ${ARGN})
  if(NOT arg_FOLDER)
    set(arg_FOLDER ${name})
  endif()
  if(NOT arg_HEADERS)
    set(arg_HEADERS *.h)
  endif()
  list(TRANSFORM arg_HEADERS PREPEND ${CMAKE_SOURCE_DIR}/src/${arg_FOLDER}/ OUTPUT_VARIABLE globs)
  file(GLOB headers CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/src/${arg_FOLDER} ${globs})
  tombo_include_root(${name} ${arg_FOLDER} ${headers})
  if(arg_SOURCES)
    add_library(tombo_${name} STATIC ${arg_SOURCES})
    target_include_directories(tombo_${name} PUBLIC ${tombo_include_root_dir})
    target_link_libraries(tombo_${name} PUBLIC ${arg_DEPENDS})
  else()
    add_library(tombo_${name} INTERFACE)
    target_include_directories(tombo_${name} INTERFACE ${tombo_include_root_dir})
    target_link_libraries(tombo_${name} INTERFACE ${arg_DEPENDS})
  endif()
endfunction()

# tombo_unit_tests(NAME SOURCES file... DEPENDS target...): one GoogleTest binary for a layer.
function(tombo_unit_tests name)
  if(NOT TOMBO_BUILD_TESTS)
    return()
  endif()
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS" ${ARGN})
  if(NOT arg_SOURCES)
    return()
  endif()
  add_executable(${name}_test ${arg_SOURCES})
  target_link_libraries(${name}_test PRIVATE ${arg_DEPENDS} GTest::gtest_main)
  set_target_properties(${name}_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  gtest_discover_tests(${name}_test TEST_PREFIX "${name}." PROPERTIES LABELS unit)
endfunction()
