// DLPack's binary interface, versions 0 and 1, as far as it concerns memory of the CPU. Its specification is at
// https://dmlc.github.io/dlpack; libraries exchange these structs in capsules.
#pragma once

#include <cstdint>

namespace binding::dlpack {

struct Device {
  std::int32_t type;
  std::int32_t id;
};
inline constexpr std::int32_t cpu = 1;

struct DataType {
  std::uint8_t code;
  std::uint8_t bits;
  std::uint16_t lanes;
};
enum Code : std::uint8_t { int_code = 0, uint_code = 1, float_code = 2, bool_code = 6 };

struct Tensor {
  void* data;
  Device device;
  std::int32_t ndim;
  DataType dtype;
  std::int64_t* shape;
  std::int64_t* strides;  // in elements
  std::uint64_t byte_offset;
};

struct ManagedTensor {  // version 0
  Tensor tensor;
  void* context;
  void (*deleter)(ManagedTensor*);
};

struct Version {
  std::uint32_t major;
  std::uint32_t minor;
};

struct VersionedTensor {  // version 1
  Version version;
  void* context;
  void (*deleter)(VersionedTensor*);
  std::uint64_t flags;
  Tensor tensor;
};
inline constexpr std::uint64_t is_copied = 1 << 1;

// What a capsule is called while nobody has taken the tensor out of it.
inline constexpr const char* name_of(const ManagedTensor&) { return "dltensor"; }
inline constexpr const char* name_of(const VersionedTensor&) { return "dltensor_versioned"; }

}  // namespace binding::dlpack
