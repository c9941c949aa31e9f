# LibTorch::LibTorch from an unpacked libtorch or from the `torch` folder of a Python wheel.
# TorchConfig.cmake demands a CUDA toolkit whenever the wheel was built with one, so this module takes
# the headers, libtorch_cpu and libc10 and nothing else. LIBTORCH_ROOT (cache or environment) is the folder
# that holds include/ and lib/.
# When it is set nothing else is searched, and a changed value is searched anew.
set(LibTorch_ROOT_DIR "${LIBTORCH_ROOT}")
if(NOT LibTorch_ROOT_DIR)
  set(LibTorch_ROOT_DIR "$ENV{LIBTORCH_ROOT}")
endif()
if(NOT LibTorch_ROOT_DIR STREQUAL "${LibTorch_SEARCHED_ROOT}")
  unset(LibTorch_INCLUDE_DIR CACHE)
  unset(LibTorch_cpu_LIBRARY CACHE)
  unset(LibTorch_c10_LIBRARY CACHE)
  set(LibTorch_SEARCHED_ROOT "${LibTorch_ROOT_DIR}" CACHE INTERNAL "the libtorch folder last searched")
endif()
if(LibTorch_ROOT_DIR)
  find_path(LibTorch_INCLUDE_DIR ATen/ATen.h PATHS ${LibTorch_ROOT_DIR}/include NO_DEFAULT_PATH)
  find_library(LibTorch_cpu_LIBRARY torch_cpu PATHS ${LibTorch_ROOT_DIR}/lib NO_DEFAULT_PATH)
  find_library(LibTorch_c10_LIBRARY c10 PATHS ${LibTorch_ROOT_DIR}/lib NO_DEFAULT_PATH)
else()
  find_path(LibTorch_INCLUDE_DIR ATen/ATen.h)
  find_library(LibTorch_cpu_LIBRARY torch_cpu)
  find_library(LibTorch_c10_LIBRARY c10)
endif()
mark_as_advanced(LibTorch_INCLUDE_DIR LibTorch_cpu_LIBRARY LibTorch_c10_LIBRARY)
if(LibTorch_INCLUDE_DIR)
  set(version_header ${LibTorch_INCLUDE_DIR}/torch/headeronly/version.h)
  if(EXISTS ${version_header})
    file(STRINGS ${version_header} version_lines REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
    string(REGEX MATCHALL "[0-9]+" LibTorch_VERSION "${version_lines}")
    list(JOIN LibTorch_VERSION "." LibTorch_VERSION)
  endif()
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_cpu_LIBRARY LibTorch_c10_LIBRARY LibTorch_INCLUDE_DIR
  VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE "set LIBTORCH_ROOT to a folder with include/ and lib/, or run tools/setup")
if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  target_include_directories(LibTorch::LibTorch SYSTEM INTERFACE
    ${LibTorch_INCLUDE_DIR} ${LibTorch_INCLUDE_DIR}/torch/csrc/api/include)
  target_link_libraries(LibTorch::LibTorch INTERFACE ${LibTorch_cpu_LIBRARY} ${LibTorch_c10_LIBRARY})
  target_compile_definitions(LibTorch::LibTorch INTERFACE _GLIBCXX_USE_CXX11_ABI=1)
endif()
