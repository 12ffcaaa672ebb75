# cmake --install: program, libraries, headers, and a package for find_package(phasewatt).
include(CMakePackageConfigHelpers)
get_property(rooms GLOBAL PROPERTY PHASEWATT_ROOMS)
list(TRANSFORM rooms PREPEND phasewatt_ OUTPUT_VARIABLE targets)
install(TARGETS ${targets} EXPORT phasewatt-targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
foreach(room IN LISTS rooms)
  install(DIRECTORY src/phasewatt/${room} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/phasewatt FILES_MATCHING PATTERN "*.h"
    PATTERN "engine/libtorch" EXCLUDE)  # a library of its own, which is not installed
endforeach()
install(EXPORT phasewatt-targets NAMESPACE phasewatt:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/phasewatt)
get_property(PHASEWATT_PACKAGES GLOBAL PROPERTY PHASEWATT_PACKAGES)
list(REMOVE_DUPLICATES PHASEWATT_PACKAGES)
configure_package_config_file(cmake/phasewatt-config.cmake.in ${PROJECT_BINARY_DIR}/phasewatt-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/phasewatt)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/phasewatt-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/phasewatt-config.cmake ${PROJECT_BINARY_DIR}/phasewatt-config-version.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/phasewatt)
install(FILES ${PROJECT_SOURCE_DIR}/cmake/room.cmake DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/phasewatt)
# The entity model is inside the program; its licence and credits go with it.
if(TARGET phasewatt_workload)
  install(FILES src/phasewatt/workload/entities/README.md src/phasewatt/workload/entities/LICENSE.CC-BY-SA-4.0.txt
    DESTINATION ${CMAKE_INSTALL_DOCDIR}/entities)
endif()
