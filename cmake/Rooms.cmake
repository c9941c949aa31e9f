# attend_room(name SOURCES ... KNOWS ... [LIBS ...] [HIDES ...] [TORCH])
# A room is one static library attend::<name>: sources in src/<name>/, public headers in include/attend/<name>/.
# KNOWS lists rooms, LIBS other targets that its headers show, HIDES those that only its sources use. TORCH rooms reuse the one precompiled header of attend_ops.
function(attend_room name)
  cmake_parse_arguments(ROOM "TORCH" "" "SOURCES;KNOWS;LIBS;HIDES" ${ARGN})
  list(TRANSFORM ROOM_SOURCES PREPEND ${PROJECT_SOURCE_DIR}/src/${name}/)
  list(TRANSFORM ROOM_KNOWS PREPEND attend::)
  add_library(attend_${name} STATIC ${ROOM_SOURCES})
  add_library(attend::${name} ALIAS attend_${name})
  set_target_properties(attend_${name} PROPERTIES EXPORT_NAME ${name})
  target_include_directories(attend_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_compile_features(attend_${name} PUBLIC cxx_std_20)
  target_link_libraries(attend_${name} PUBLIC ${ROOM_KNOWS} ${ROOM_LIBS} PRIVATE ${ROOM_HIDES} $<BUILD_INTERFACE:attend_flags>)
  if(ROOM_TORCH AND NOT name STREQUAL "ops")
    target_precompile_headers(attend_${name} REUSE_FROM attend_ops)
  endif()
  install(TARGETS attend_${name} EXPORT attendTargets)
endfunction()

# attend_test(name SOURCES ... KNOWS ... [LABELS ...] [TORCH]): one binary, one CTest entry (libtorch takes 0.2 s to start).
function(attend_test name)
  cmake_parse_arguments(TEST "TORCH" "" "SOURCES;KNOWS;LIBS;LABELS" ${ARGN})
  if(NOT ATTEND_BUILD_TESTS)
    return()
  endif()
  list(TRANSFORM TEST_KNOWS PREPEND attend::)
  add_executable(${name} ${TEST_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(${name} PRIVATE ${TEST_KNOWS} ${TEST_LIBS} GTest::gtest GTest::gtest_main attend_flags)
  target_compile_definitions(${name} PRIVATE ATTEND_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  if(TEST_TORCH)
    target_precompile_headers(${name} REUSE_FROM attend_ops)
    target_compile_options(${name} PRIVATE -fPIC)  # as the header was precompiled; an executable would take -fPIE
  endif()
  add_test(NAME ${name} COMMAND ${name} --gtest_brief=1)
  set_tests_properties(${name} PROPERTIES LABELS "${TEST_LABELS}" TIMEOUT 600)
endfunction()
