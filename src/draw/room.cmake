set(page ${PROJECT_SOURCE_DIR}/src/draw/page.html)
set(page_out ${CMAKE_CURRENT_BINARY_DIR}/generated/draw_page.inc)
add_custom_command(OUTPUT ${page_out}
  COMMAND ${CMAKE_COMMAND} -DIN=${page} -DOUT=${page_out} -P ${PROJECT_SOURCE_DIR}/src/draw/embed.cmake
  DEPENDS ${page} ${PROJECT_SOURCE_DIR}/src/draw/embed.cmake VERBATIM)

attend_room(draw
  SOURCES colour.cpp width.cpp labels.cpp wording.cpp builder.cpp scene.cpp shrink.cpp summary_scenes.cpp overlay.cpp terminal_ink.cpp terminal_figures.cpp terminal.cpp font.cpp layout.cpp layout_figures.cpp png_encode.cpp png.cpp
          markup.cpp svg.cpp json.cpp html.cpp
  KNOWS measure
  HIDES PkgConfig::pangocairo PkgConfig::png PkgConfig::utf8proc)
target_sources(attend_draw PRIVATE ${page_out})
target_include_directories(attend_draw PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/generated)

set(tests ${PROJECT_SOURCE_DIR}/tests/draw)
attend_test(draw_tests KNOWS draw LIBS PkgConfig::pangocairo PkgConfig::png LABELS unit
  SOURCES ${tests}/colour_test.cpp ${tests}/width_test.cpp ${tests}/scene_test.cpp ${tests}/summary_scenes_test.cpp ${tests}/backends_test.cpp ${tests}/picture_test.cpp ${tests}/terminal_test.cpp ${tests}/figures_test.cpp ${tests}/page_test.cpp
          ${tests}/samples.cpp ${tests}/readback.cpp ${tests}/schema.cpp ${tests}/fontconfig.cpp)
attend_test(draw_browser_tests KNOWS draw LIBS PkgConfig::pangocairo PkgConfig::png LABELS browser
  SOURCES ${tests}/browser_test.cpp ${tests}/samples.cpp ${tests}/readback.cpp ${tests}/fontconfig.cpp)

if(ATTEND_BUILD_TESTS)
  # The sample pictures, on demand: draw_samples FOLDER.
  add_executable(draw_samples ${tests}/draw_samples.cpp ${tests}/samples.cpp ${tests}/fontconfig.cpp)
  target_include_directories(draw_samples PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(draw_samples PRIVATE attend::draw PkgConfig::pangocairo attend_flags)
  add_test(NAME draw_samples COMMAND draw_samples ${CMAKE_CURRENT_BINARY_DIR}/draw_samples_out)
  set_tests_properties(draw_samples PROPERTIES LABELS unit TIMEOUT 600)
endif()
