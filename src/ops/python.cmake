# libattend_ops.so: the operators of attend/ops/register_ops.h for torch.ops.load_library(), and the Python package `attend` around it, laid
# out in build/<preset>/python as in a wheel (tools/wheel). The library holds what it needs of core, kernels and ops itself and asks for
# libtorch alone, of which, as of its OpenMP, a process must not have two: it takes those that `import torch` has loaded.
add_library(attend_python_kernels OBJECT)
foreach(source IN ITEMS core/error core/random kernels/isa kernels/fused_attention kernels/entmax kernels/monotonic kernels/packed_linear
                        kernels/loops kernels/packed_source)
  target_sources(attend_python_kernels PRIVATE ${PROJECT_SOURCE_DIR}/src/${source}.cpp)
endforeach()
target_compile_definitions(attend_python_kernels PRIVATE FMT_HEADER_ONLY=1)  # else libfmt.so would have to be where Python is

add_library(attend_python SHARED ${PROJECT_SOURCE_DIR}/src/ops/python_library.cpp $<TARGET_OBJECTS:attend_python_kernels>)
foreach(set IN ITEMS portable avx2 avx512 avx512_vnni avx512_bf16)
  if(TARGET attend_kernels_${set})
    target_sources(attend_python PRIVATE $<TARGET_OBJECTS:attend_kernels_${set}>)
  endif()
endforeach()
# The file of attend_ops, and not the target with all that it is linked to: the linker takes the objects of operators out of it. libgomp is
# found among libtorch's own dependencies, under whatever name the torch of that Python has it.
add_dependencies(attend_python attend_ops)
target_link_libraries(attend_python PRIVATE $<TARGET_FILE:attend_ops> ${LibTorch_cpu_LIBRARY} ${LibTorch_c10_LIBRARY})
target_link_options(attend_python PRIVATE -Wl,--version-script=${PROJECT_SOURCE_DIR}/src/ops/python.map -Wl,--as-needed)
foreach(target IN ITEMS attend_python attend_python_kernels)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(${target} PRIVATE attend_flags)
endforeach()
set(ATTEND_PYTHON_PACKAGE ${PROJECT_BINARY_DIR}/python)
set_target_properties(attend_python PROPERTIES OUTPUT_NAME attend_ops DEFINE_SYMBOL ""
  LIBRARY_OUTPUT_DIRECTORY ${ATTEND_PYTHON_PACKAGE}/attend BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH "$ORIGIN/../torch/lib" LINK_DEPENDS ${PROJECT_SOURCE_DIR}/src/ops/python.map)
file(GLOB python_files CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/python ${PROJECT_SOURCE_DIR}/python/attend/*.py
  ${PROJECT_SOURCE_DIR}/python/attend/py.typed)
foreach(file IN LISTS python_files)
  add_custom_command(OUTPUT ${ATTEND_PYTHON_PACKAGE}/${file} DEPENDS ${PROJECT_SOURCE_DIR}/python/${file}
    COMMAND ${CMAKE_COMMAND} -E copy ${PROJECT_SOURCE_DIR}/python/${file} ${ATTEND_PYTHON_PACKAGE}/${file})
  target_sources(attend_python PRIVATE ${ATTEND_PYTHON_PACKAGE}/${file})
endforeach()
