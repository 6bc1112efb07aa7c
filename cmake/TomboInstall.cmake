# What `cmake --install` puts where: programs, their names in Mosquitto, the client library with its
# headers, its CMake package and its pkg-config file.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS tombo RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
install(TARGETS tombo_pub tombo_sub tombo_rr tombo_passwd tombo_db RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

# Not in PATH unless somebody wants it: Mosquitto's own programs may be installed as well.
install(DIRECTORY DESTINATION ${CMAKE_INSTALL_LIBDIR}/tombo/compat)
foreach(name mosquitto:sbin/tombo mosquitto_pub:bin/tombo_pub mosquitto_sub:bin/tombo_sub mosquitto_rr:bin/tombo_rr
        mosquitto_passwd:bin/tombo_passwd mosquitto_db_dump:bin/tombo_db)
  string(REPLACE ":" ";" pair ${name})
  list(GET pair 0 link)
  list(GET pair 1 target)
  file(RELATIVE_PATH to_target /${CMAKE_INSTALL_LIBDIR}/tombo/compat /${target})
  install(CODE "file(CREATE_LINK ${to_target}
    \$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/tombo/compat/${link} SYMBOLIC)")
endforeach()

set_target_properties(tombo_library PROPERTIES OUTPUT_NAME tombo EXPORT_NAME tombo
                      VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
target_include_directories(tombo_library INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(tombo_library INTERFACE cxx_std_20)
install(TARGETS tombo_library EXPORT tomboTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/tombo DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/tombo)
install(EXPORT tomboTargets NAMESPACE tombo:: DESTINATION ${package_dir})
configure_package_config_file(cmake/tomboConfig.cmake.in ${CMAKE_BINARY_DIR}/tomboConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/tomboConfigVersion.cmake COMPATIBILITY SameMinorVersion)
file(RELATIVE_PATH pc_to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/tombo.pc.in ${CMAKE_BINARY_DIR}/tombo.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/tomboConfig.cmake ${CMAKE_BINARY_DIR}/tomboConfigVersion.cmake
        DESTINATION ${package_dir})
install(FILES ${CMAKE_BINARY_DIR}/tombo.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
