# What `cmake --install` lays down: the rooms that were configured (headers, static libraries), the program when it was built,
# and a package that find_package(attend) reads. A room's library is added to attendTargets where the room is declared.
include(CMakePackageConfigHelpers)
set(attend_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/attend)
set(attend_installed_rooms)
foreach(room IN LISTS torch_free_rooms torch_rooms)
  if(TARGET attend_${room})
    list(APPEND attend_installed_rooms ${room})
    if(IS_DIRECTORY ${PROJECT_SOURCE_DIR}/include/attend/${room})
      install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/attend/${room} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/attend)
    endif()
  endif()
endforeach()
if(attend_installed_rooms)
  install(EXPORT attendTargets NAMESPACE attend:: DESTINATION ${attend_package_dir})
endif()
if(TARGET attend)
  if(ATTEND_INSTALL_LIBTORCH)
    # What the program loads out of libtorch's folder, and nothing of the system. Where it lies the program looks first.
    install(TARGETS attend RUNTIME_DEPENDENCY_SET attend_libraries)
    install(RUNTIME_DEPENDENCY_SET attend_libraries DIRECTORIES ${libtorch_lib_dir}
      POST_INCLUDE_REGEXES "^${libtorch_lib_dir}/" POST_EXCLUDE_REGEXES ".*"
      LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT libtorch)
  else()
    install(TARGETS attend)
  endif()
  # The program writes its own manual and completions.
  set(attend_manual ${PROJECT_BINARY_DIR}/manual)
  add_custom_command(OUTPUT ${attend_manual}/man/attend.1 ${attend_manual}/attend.bash ${attend_manual}/_attend
    COMMAND attend man --out ${attend_manual}/man
    COMMAND attend completion bash > ${attend_manual}/attend.bash
    COMMAND attend completion zsh > ${attend_manual}/_attend
    DEPENDS attend VERBATIM)
  add_custom_target(attend_manual ALL DEPENDS ${attend_manual}/man/attend.1 ${attend_manual}/attend.bash ${attend_manual}/_attend)
  install(DIRECTORY ${attend_manual}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 FILES_MATCHING PATTERN "*.1")
  install(FILES ${attend_manual}/attend.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME attend OPTIONAL)
  install(FILES ${attend_manual}/_attend DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions OPTIONAL)
endif()
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE TYPE DOC)
install(FILES ${PROJECT_SOURCE_DIR}/cmake/FindLibTorch.cmake DESTINATION ${attend_package_dir})

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/attendConfig.cmake.in ${PROJECT_BINARY_DIR}/package/attendConfig.cmake
  INSTALL_DESTINATION ${attend_package_dir})
# Before 1.0 a new minor version may change any interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/attendConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/package/attendConfig.cmake ${PROJECT_BINARY_DIR}/package/attendConfigVersion.cmake
  DESTINATION ${attend_package_dir})

# The test of all this: install, then build and run a project that knows nothing but find_package(attend). It translates, for which libtorch is needed.
if(ATTEND_BUILD_TESTS AND TARGET attend_run)
  list(JOIN ATTEND_SANITIZE "," consumer_sanitizers)
  add_test(NAME consumer COMMAND ${CMAKE_COMMAND}
    -DSOURCE_DIR=${PROJECT_SOURCE_DIR} -DBUILD_DIR=${PROJECT_BINARY_DIR} -DCONFIG=$<CONFIG>
    -DCOMPILER=${CMAKE_CXX_COMPILER} -DGENERATOR=${CMAKE_GENERATOR} -DSANITIZERS=${consumer_sanitizers}
    -DPROGRAM=$<$<TARGET_EXISTS:attend>:${CMAKE_INSTALL_BINDIR}/attend>
    -P ${PROJECT_SOURCE_DIR}/tests/consumer/consumer_test.cmake)
  set_tests_properties(consumer PROPERTIES LABELS package TIMEOUT ${ATTEND_TEST_SECONDS})
endif()
