# Compiler and linker flags that every target of the project has.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")

set(TOMBO_SANITIZE "" CACHE STRING "Sanitizers to build with, for example address,undefined")

find_program(TOMBO_CCACHE ccache)
if(TOMBO_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${TOMBO_CCACHE})
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror
                    -fstack-protector-strong -fno-omit-frame-pointer)
add_link_options(-Wl,-z,relro,-z,now)
if(TOMBO_SANITIZE)
  add_compile_options(-fsanitize=${TOMBO_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${TOMBO_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_definitions(_FORTIFY_SOURCE=2)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  add_compile_definitions(TOMBO_DEBUG=1 _GLIBCXX_ASSERTIONS)
endif()
