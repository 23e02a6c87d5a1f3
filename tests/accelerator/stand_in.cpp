// A torch device that stands in for a GPU: memory of its own that the host's operations may not touch, and kernels that
// are the CPU's, run on that memory in place. What a GPU would have to wait for is counted, and can be forbidden.

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/EmptyTensor.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include <atomic>
#include <mutex>
#include <set>

namespace {

using torch::jit::Stack;

const c10::Device DEVICE(c10::DeviceType::PrivateUse1, 0);

// ---- What is counted. ------------------------------------------------------------------------------------------------

enum Count { HOST_READS, HOST_COPIES, HOST_COPY_BYTES, ALLOCATIONS, BYTES_HELD, COUNTS };
std::atomic<int64_t> counts[COUNTS];
std::atomic<bool> forbidden{false};

// The host waits for the device here.
void waits(const std::string& what) {
  ++counts[HOST_READS];
  TORCH_CHECK(!forbidden, "The host would wait for the stand-in device: ", what);
}

// ---- Memory. ---------------------------------------------------------------------------------------------------------

struct Block {
  void* memory;
  int64_t bytes;
};

void release(void* context) {
  auto* block = static_cast<Block*>(context);
  counts[BYTES_HELD] -= block->bytes;
  free(block->memory);
  delete block;
}

struct Memory final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    if (bytes == 0) return {nullptr, DEVICE};
    ++counts[ALLOCATIONS];
    counts[BYTES_HELD] += bytes;
    auto* block = new Block{nullptr, static_cast<int64_t>(bytes)};
    TORCH_CHECK(posix_memalign(&block->memory, 64, bytes) == 0, "The stand-in device is out of memory.");
    return {block->memory, block, &release, DEVICE};
  }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }
} memory;

std::mutex pinned_lock;
std::set<const void*> pinned;

struct PinnedMemory final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    void* block = nullptr;
    TORCH_CHECK(posix_memalign(&block, 64, std::max<size_t>(bytes, 1)) == 0, "No memory.");
    std::lock_guard<std::mutex> lock(pinned_lock);
    pinned.insert(block);
    return {block, block, &give_back, c10::Device(c10::kCPU)};
  }
  static void give_back(void* block) {
    {
      std::lock_guard<std::mutex> lock(pinned_lock);
      pinned.erase(block);
    }
    free(block);
  }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }
} pinned_memory;

bool is_pinned(const void* data) {
  std::lock_guard<std::mutex> lock(pinned_lock);
  return pinned.count(data) > 0;
}

// ---- Random numbers: a generator of the device draws what the CPU's with the same seed would draw. --------------------

struct Generator final : c10::GeneratorImpl {
  Generator() : GeneratorImpl(DEVICE, c10::DispatchKeySet(c10::DispatchKey::PrivateUse1)), host(at::detail::createCPUGenerator()) {}
  void set_current_seed(uint64_t seed) override { host.set_current_seed(seed); }
  void set_offset(uint64_t) override { TORCH_CHECK(false, "The stand-in device's generator has no offset."); }
  uint64_t get_offset() const override { TORCH_CHECK(false, "The stand-in device's generator has no offset."); }
  uint64_t current_seed() const override { return host.current_seed(); }
  uint64_t seed() override { return host.unsafeGetGeneratorImpl()->seed(); }
  void set_state(const c10::TensorImpl& state) override { host.unsafeGetGeneratorImpl()->set_state(state); }
  c10::intrusive_ptr<c10::TensorImpl> get_state() const override { return host.unsafeGetGeneratorImpl()->get_state(); }
  c10::GeneratorImpl* clone_impl() const override {
    auto* copy = new Generator();
    copy->host = host.clone();
    return copy;
  }
  at::Generator host;
};

const at::Generator& default_generator() {
  static auto generator = at::make_generator<Generator>();
  return generator;
}

at::Generator host_generator(const at::Generator& generator) {
  TORCH_CHECK(generator.device() == DEVICE, "Expected a '", DEVICE, "' generator, but found '", generator.device(), "'");
  return static_cast<Generator*>(generator.unsafeGetGeneratorImpl())->host;
}

// ---- The device: current device, streams (all work is done at once, so that they are only numbers), events. -----------

thread_local c10::StreamId current_stream = 0;
std::atomic<c10::StreamId> streams{0};

struct Guard final : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return DEVICE.type(); }
  c10::Device exchangeDevice(c10::Device) const override { return DEVICE; }
  c10::Device getDevice() const override { return DEVICE; }
  void setDevice(c10::Device device) const override { TORCH_CHECK(device.index() <= 0, "There is one stand-in device."); }
  void uncheckedSetDevice(c10::Device) const noexcept override {}
  c10::DeviceIndex deviceCount() const noexcept override { return 1; }
  static c10::Stream stream(c10::StreamId id) { return c10::Stream(c10::Stream::UNSAFE, DEVICE, id); }
  c10::Stream getStream(c10::Device) const override { return stream(current_stream); }
  c10::Stream getDefaultStream(c10::Device) const override { return stream(0); }
  c10::Stream getNewStream(c10::Device, int) const override { return stream(++streams); }
  c10::Stream getStreamFromGlobalPool(c10::Device, bool) const override { return stream(++streams); }
  c10::Stream exchangeStream(c10::Stream next) const override {
    return stream(std::exchange(current_stream, next.id()));
  }
  void record(void** event, const c10::Stream&, c10::DeviceIndex, c10::EventFlag) const override {
    *event = &streams;  // anything that is not null: the work before it is done
  }
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
  bool queryStream(const c10::Stream&) const override { return true; }
  void synchronizeStream(const c10::Stream&) const override { waits("Stream.synchronize"); }
  void synchronizeEvent(void*) const override {}  // for one place in a stream: as CUDA, which does not call it a wait
  void synchronizeDevice(c10::DeviceIndex) const override { waits("synchronize"); }
};

struct Hooks final : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  c10::DeviceIndex deviceCount() const override { return 1; }
  void setCurrentDevice(c10::DeviceIndex) const override {}
  c10::DeviceIndex getCurrentDevice() const override { return 0; }
  c10::DeviceIndex exchangeDevice(c10::DeviceIndex) const override { return 0; }
  c10::DeviceIndex maybeExchangeDevice(c10::DeviceIndex) const override { return 0; }
  at::Device getDeviceFromPtr(void*) const override { return DEVICE; }
  bool isPinnedPtr(const void* data) const override { return is_pinned(data); }
  c10::Allocator* getPinnedMemoryAllocator() const override { return &pinned_memory; }
  const at::Generator& getDefaultGenerator(c10::DeviceIndex) const override { return default_generator(); }
  at::Generator getNewGenerator(c10::DeviceIndex) const override { return at::make_generator<Generator>(); }
  void resizePrivateUse1Bytes(const c10::Storage& storage, size_t bytes) const override {
    auto grown = memory.allocate(bytes);
    if (storage.data()) memcpy(grown.get(), storage.data(), std::min(bytes, storage.nbytes()));
    storage.set_data_ptr_noswap(std::move(grown));
    storage.set_nbytes(bytes);
  }
} hooks;

// ---- The CPU's view of the device's memory, for one call of a kernel. -------------------------------------------------

void drop_storage(void* storage) { delete static_cast<c10::Storage*>(storage); }

// The same memory under the name of another device.
c10::DataPtr named(const c10::Storage& storage, c10::Device device) {
  return {const_cast<void*>(storage.data()), new c10::Storage(storage), &drop_storage, device};
}

c10::Storage renamed(const c10::Storage& storage, c10::Device device, c10::Allocator* allocator) {
  return {c10::Storage::use_byte_size_t(), storage.nbytes(), named(storage, device), allocator, /*resizable=*/true};
}

at::Tensor with_storage(const at::Tensor& tensor, c10::Storage storage, c10::DispatchKey key) {
  auto result = at::detail::make_tensor<c10::TensorImpl>(std::move(storage), c10::DispatchKeySet(key), tensor.dtype());
  result.unsafeGetTensorImpl()->set_sizes_and_strides(tensor.sizes(), tensor.strides(), tensor.storage_offset());
  return result;
}

bool on_device(const at::Tensor& tensor) { return tensor.defined() && tensor.device() == DEVICE; }

struct Views {
  struct Pair {
    c10::Storage device, host;
    void* data;
  };
  std::vector<Pair> pairs;

  at::Tensor on_host(const at::Tensor& tensor) {
    for (auto& pair : pairs)
      if (pair.device.is_alias_of(tensor.storage())) return with_storage(tensor, pair.host, c10::DispatchKey::CPU);
    auto host = renamed(tensor.storage(), c10::kCPU, c10::GetCPUAllocator());
    pairs.push_back({tensor.storage(), host, const_cast<void*>(host.data())});
    return with_storage(tensor, host, c10::DispatchKey::CPU);
  }

  // What a kernel returns: a view of an argument, or new memory, which becomes the device's.
  at::Tensor on_device(const at::Tensor& tensor) {
    if (!tensor.defined()) return tensor;
    for (auto& pair : pairs)
      if (pair.host.is_alias_of(tensor.storage()))
        return with_storage(tensor, pair.device, c10::DispatchKey::PrivateUse1);
    auto storage = renamed(tensor.storage(), DEVICE, &memory);
    pairs.push_back({storage, tensor.storage(), const_cast<void*>(tensor.storage().data())});
    return with_storage(tensor, storage, c10::DispatchKey::PrivateUse1);
  }

  // A kernel may have resized what it writes to.
  void update(const at::Tensor& tensor, const at::Tensor& host) {
    for (auto& pair : pairs)
      if (pair.device.is_alias_of(tensor.storage()) && pair.host.data() != pair.data) {
        pair.device.set_data_ptr_noswap(named(pair.host, DEVICE));
        pair.device.set_nbytes(pair.host.nbytes());
        pair.data = const_cast<void*>(pair.host.data());
      }
    if (tensor.sizes() != host.sizes() || tensor.strides() != host.strides())
      tensor.unsafeGetTensorImpl()->set_sizes_and_strides(host.sizes(), host.strides(), host.storage_offset());
  }
};

// ---- Every kernel: the CPU's, on the device's memory. -----------------------------------------------------------------

// A tensor of the host is refused, as on CUDA: only the elementwise kernels take one, of no dimensions, and only to read.
void check_host_argument(const c10::OperatorHandle& op, const at::Tensor& tensor, const c10::Argument& argument) {
  static const std::set<std::string> take_scalars = {
      "aten::masked_fill", "aten::masked_fill_", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_",
      "aten::index_fill",  "aten::index_fill_",  "aten::fill",      "aten::fill_",       "aten::floor_divide"};
  const auto& name = op.operator_name().name;
  const bool written = argument.alias_info() && argument.alias_info()->isWrite();
  const bool takes_scalars = op.hasTag(at::Tag::pointwise) || take_scalars.count(name) || name.find("_foreach_") == 6;
  TORCH_CHECK(tensor.dim() == 0 && takes_scalars && !written, "Expected all tensors to be on the same device, but found "
              "at least two devices, ", DEVICE, " and ", tensor.device(), "! (when checking argument ",
              argument.name(), " of shape ", tensor.sizes(), " in ", op.operator_name(), ")");
}

bool is_ours(const c10::IValue& value) {
  if (value.isTensor()) return on_device(value.toTensor());
  if (value.isDevice()) return value.toDevice().type() == DEVICE.type();
  if (value.isGenerator()) return value.toGenerator().device() == DEVICE;
  if (value.isList())
    for (const auto& element : value.toListRef())
      if (is_ours(element)) return true;
  return false;
}

// An argument as the CPU's kernel takes it.
c10::IValue lowered(Views& views, const c10::OperatorHandle& op, const c10::Argument& argument, const c10::IValue& value) {
  if (value.isTensor()) {
    const auto& tensor = value.toTensor();
    if (!tensor.defined()) return value;
    if (on_device(tensor)) return views.on_host(tensor);
    check_host_argument(op, tensor, argument);
    return value;
  }
  if (value.isDevice()) return value.toDevice().type() == DEVICE.type() ? c10::IValue(c10::Device(c10::kCPU)) : value;
  if (value.isGenerator()) return host_generator(value.toGenerator());
  if (value.isTensorList()) {
    c10::List<at::Tensor> list;
    for (const at::Tensor tensor : value.toTensorList()) list.push_back(lowered(views, op, argument, tensor).toTensor());
    return list;
  }
  if (value.isOptionalTensorList()) {
    c10::List<std::optional<at::Tensor>> list;
    for (const std::optional<at::Tensor> tensor : value.toOptionalTensorList())
      list.push_back(tensor ? std::optional(lowered(views, op, argument, *tensor).toTensor()) : std::nullopt);
    return list;
  }
  return value;
}

// A result as the device has it.
c10::IValue raised(Views& views, const c10::IValue& value) {
  if (value.isTensor()) return views.on_device(value.toTensor());
  if (value.isTensorList()) {
    c10::List<at::Tensor> list;
    for (const at::Tensor tensor : value.toTensorList()) list.push_back(views.on_device(tensor));
    return list;
  }
  return value;
}

// The host's and the device's default generators change places, for kernels that are not told which to draw from.
struct DrawFromDevice {
  explicit DrawFromDevice(bool wanted) : wanted(wanted) { swap(); }
  ~DrawFromDevice() { swap(); }
  void swap() const {
    if (!wanted) return;
    auto host = at::globalContext().defaultGenerator(c10::kCPU), ours = host_generator(default_generator());
    auto state = host.get_state();
    host.set_state(ours.get_state());
    ours.set_state(state);
  }
  bool wanted;
};

void run_on_host(const c10::OperatorHandle& op, Stack* stack) {
  const auto& schema = op.schema();
  const auto& arguments = schema.arguments();
  const auto given = torch::jit::last(*stack, arguments.size()).vec();
  if (op.hasTag(at::Tag::dynamic_output_shape) || op.hasTag(at::Tag::data_dependent_output))
    waits(toString(op.operator_name()));
  bool draws = op.hasTag(at::Tag::nondeterministic_seeded), ours = false;
  for (const auto& value : given) {
    draws = draws && !value.isGenerator();
    ours = ours || is_ours(value);
  }
  Views views;
  std::vector<c10::IValue> host;
  torch::jit::drop(*stack, arguments.size());
  for (size_t i = 0; i < arguments.size(); ++i) host.push_back(lowered(views, op, arguments[i], given[i]));
  for (const auto& value : host) stack->push_back(value);
  {
    at::AutoDispatchBelowADInplaceOrView guard;
    DrawFromDevice device_draws(draws && ours);
    op.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), stack);
  }
  auto written = [](const c10::AliasInfo* alias) { return alias && alias->isWrite(); };
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (!written(arguments[i].alias_info())) continue;
    if (given[i].isTensor() && on_device(given[i].toTensor()))
      views.update(given[i].toTensor(), host[i].toTensor());
    else if (given[i].isTensorList())
      for (size_t j = 0; j < given[i].toTensorList().size(); ++j)
        views.update(given[i].toTensorList().get(j), host[i].toTensorList().get(j));
  }
  const auto results = torch::jit::pop(*stack, schema.returns().size());
  for (size_t i = 0; i < results.size(); ++i) {
    c10::IValue result;
    if (written(schema.returns()[i].alias_info())) {
      for (size_t j = 0; j < arguments.size(); ++j)
        if (written(arguments[j].alias_info()) && *arguments[j].alias_info() == *schema.returns()[i].alias_info())
          result = given[j];
    } else {
      result = ours ? raised(views, results[i]) : results[i];
    }
    stack->push_back(result);
  }
}

// ---- Kernels of the device's own. -------------------------------------------------------------------------------------

at::Tensor empty(c10::IntArrayRef size, std::optional<at::ScalarType> dtype, std::optional<at::Layout>,
                 std::optional<at::Device>, std::optional<bool>, std::optional<at::MemoryFormat> format) {
  return at::detail::empty_generic(size, &memory, c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                   at::dtype_or_default(dtype), format);
}

at::Tensor empty_strided(c10::IntArrayRef size, c10::IntArrayRef stride, std::optional<at::ScalarType> dtype,
                         std::optional<at::Layout>, std::optional<at::Device>, std::optional<bool>) {
  return at::detail::empty_strided_generic(size, stride, &memory,
                                           c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                           at::dtype_or_default(dtype));
}

at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool non_blocking) {
  Views views;
  if (!on_device(to)) {
    if (!(non_blocking && to.is_pinned())) waits("a copy to the host of shape " + c10::str(from.sizes()));
  } else if (!on_device(from)) {
    ++counts[HOST_COPIES];
    counts[HOST_COPY_BYTES] += from.nbytes();
    TORCH_CHECK(!forbidden || non_blocking, "The host would wait for the stand-in device: a copy from the host of shape ",
                from.sizes());
  }
  at::AutoDispatchBelowADInplaceOrView guard;
  auto here = [&](const at::Tensor& tensor) {
    if (!on_device(tensor)) return tensor;
    auto host = views.on_host(tensor);
    host._set_conj(tensor.is_conj());
    host._set_neg(tensor.is_neg());
    return host;
  };
  here(to).copy_(here(from));
  return to;
}

at::Tensor copy_from_and_resize(const at::Tensor& from, const at::Tensor& to) {
  to.resize_(from.sizes());
  return copy_from(from, to, false);
}

at::Scalar local_scalar(const at::Tensor& tensor) {
  waits("item()");
  Views views;
  return at::_local_scalar_dense(views.on_host(tensor));
}

at::Tensor& set_storage(at::Tensor& tensor, at::Storage storage, int64_t offset, c10::IntArrayRef size,
                        c10::IntArrayRef stride) {
  tensor.unsafeGetTensorImpl()->set_storage_keep_dtype(std::move(storage));
  auto strides = stride.empty() ? c10::contiguous_strides(size) : c10::DimVector(stride.begin(), stride.end());
  tensor.unsafeGetTensorImpl()->set_sizes_and_strides(size, strides, offset);
  return tensor;
}

at::Tensor& set_whole_storage(at::Tensor& tensor, at::Storage storage) {
  const auto length = static_cast<int64_t>(storage.nbytes() / tensor.itemsize());
  return set_storage(tensor, std::move(storage), 0, {length}, {});
}

at::Tensor& set_tensor(at::Tensor& tensor, const at::Tensor& source) {
  return set_storage(tensor, source.storage(), source.storage_offset(), source.sizes(), source.strides());
}

at::Tensor& set_nothing(at::Tensor& tensor) {
  return set_storage(tensor, at::empty({0}, tensor.options()).storage(), 0, {0}, {});
}

at::Tensor convolution(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                       c10::IntArrayRef stride, c10::IntArrayRef padding, c10::IntArrayRef dilation, bool transposed,
                       c10::IntArrayRef output_padding, int64_t groups) {
  Views views;
  at::AutoDispatchBelowADInplaceOrView guard;
  std::optional<at::Tensor> host_bias;
  if (bias && bias->defined()) host_bias = views.on_host(*bias);
  return views.on_device(at::convolution(views.on_host(x), views.on_host(weight), host_bias, stride, padding, dilation,
                                         transposed, output_padding, groups));
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> convolution_backward(
    const at::Tensor& gradient, const at::Tensor& x, const at::Tensor& weight, c10::IntArrayRef stride,
    c10::IntArrayRef padding, c10::IntArrayRef dilation, bool transposed, c10::IntArrayRef output_padding,
    int64_t groups, std::array<bool, 3> mask) {
  Views views;
  at::AutoDispatchBelowADInplaceOrView guard;
  auto [dx, dweight, dbias] =
      at::convolution_backward(views.on_host(gradient), views.on_host(x), views.on_host(weight),
                               c10::OptionalIntArrayRef({gradient.size(1)}), stride, padding, dilation, transposed,
                               output_padding, groups, mask);
  return {views.on_device(dx), views.on_device(dweight), views.on_device(dbias)};
}

using Optional = const std::optional<at::Tensor>&;

at::Tensor plus(const at::Tensor& gates, Optional bias) { return bias && bias->defined() ? gates + *bias : gates; }

std::tuple<at::Tensor, at::Tensor, at::Tensor> lstm_cell(const at::Tensor& input, const at::Tensor& hidden,
                                                         const at::Tensor& cx, Optional input_bias, Optional hidden_bias) {
  auto gates = (plus(input, input_bias) + plus(hidden, hidden_bias)).chunk(4, 1);
  auto i = gates[0].sigmoid(), f = gates[1].sigmoid(), g = gates[2].tanh(), o = gates[3].sigmoid();
  auto cy = f * cx + i * g;
  return {o * cy.tanh(), cy, at::cat({i, f, g, o}, 1)};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> lstm_cell_backward(Optional grad_hy, Optional grad_cy, const at::Tensor& cx,
                                                                  const at::Tensor& cy, const at::Tensor& workspace,
                                                                  bool has_bias) {
  auto gates = workspace.chunk(4, 1);
  auto i = gates[0], f = gates[1], g = gates[2], o = gates[3], t = cy.tanh();
  auto dc = grad_cy && grad_cy->defined() ? *grad_cy : at::zeros_like(cy), d_o = at::zeros_like(o);
  if (grad_hy && grad_hy->defined()) {
    dc = dc + *grad_hy * o * (1 - t * t);
    d_o = *grad_hy * t * o * (1 - o);
  }
  auto d = at::cat({dc * g * i * (1 - i), dc * cx * f * (1 - f), dc * i * (1 - g * g), d_o}, 1);
  return {d, dc * f, has_bias ? d.sum(0) : at::Tensor()};
}

std::tuple<at::Tensor, at::Tensor> gru_cell(const at::Tensor& input, const at::Tensor& hidden, const at::Tensor& hx,
                                            Optional input_bias, Optional hidden_bias) {
  auto x = plus(input, input_bias).chunk(3, 1), h = plus(hidden, hidden_bias).chunk(3, 1);
  auto r = (x[0] + h[0]).sigmoid(), z = (x[1] + h[1]).sigmoid(), n = (x[2] + r * h[2]).tanh();
  return {(hx - n) * z + n, at::cat({r, z, n, hx, h[2]}, 1)};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor> gru_cell_backward(const at::Tensor& grad_hy,
                                                                                         const at::Tensor& workspace,
                                                                                         bool has_bias) {
  auto parts = workspace.chunk(5, 1);
  auto r = parts[0], z = parts[1], n = parts[2], hx = parts[3], hn = parts[4];
  auto dz = grad_hy * (hx - n) * z * (1 - z), dn = grad_hy * (1 - z) * (1 - n * n), dr = dn * hn * r * (1 - r);
  auto dx = at::cat({dr, dz, dn}, 1), dh = at::cat({dr, dz, dn * r}, 1);
  return {dx, dh, grad_hy * z, has_bias ? dx.sum(0) : at::Tensor(), has_bias ? dh.sum(0) : at::Tensor()};
}

void record_stream(at::Tensor&, c10::Stream) {}  // memory is given back when nobody holds it, and work is done by then

int64_t attention_by_products(const at::Tensor&, const at::Tensor&, const at::Tensor&, Optional, double, bool,
                              std::optional<double>, bool) {
  return 0;  // SDPBackend::math: products and a softmax
}

}  // namespace

C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard)

TORCH_LIBRARY_IMPL(_, PrivateUse1, m) {
  c10::SetAllocator(c10::DeviceType::PrivateUse1, &memory);
  at::RegisterPrivateUse1HooksInterface(&hooks);
  m.fallback(torch::CppFunction::makeFromBoxedFunction<&run_on_host>());
}

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  m.impl("empty.memory_format", empty);
  m.impl("empty_strided", empty_strided);
  m.impl("_copy_from", copy_from);
  m.impl("_copy_from_and_resize", copy_from_and_resize);
  m.impl("_local_scalar_dense", local_scalar);
  m.impl("set_.source_Storage_storage_offset", set_storage);
  m.impl("set_.source_Storage", set_whole_storage);
  m.impl("set_.source_Tensor", set_tensor);
  m.impl("set_", set_nothing);
  m.impl("convolution_overrideable", convolution);
  m.impl("convolution_backward_overrideable", convolution_backward);
  m.impl("_thnn_fused_lstm_cell", lstm_cell);
  m.impl("_thnn_fused_lstm_cell_backward_impl", lstm_cell_backward);
  m.impl("_thnn_fused_gru_cell", gru_cell);
  m.impl("_thnn_fused_gru_cell_backward", gru_cell_backward);
  // Of these there are composite ones, which a GPU does not use.
  for (auto name : {"native_group_norm", "mse_loss", "kaiser_window.beta"})
    m.impl(name, torch::CppFunction::makeFromBoxedFunction<&run_on_host>());
  m.impl("record_stream", record_stream);
  m.impl("_fused_sdp_choice", attention_by_products);
}

// A copy is what takes lazy conjugates and negatives into account, and so must see them.
TORCH_LIBRARY_IMPL(aten, Conjugate, m) { m.impl("_copy_from", torch::CppFunction::makeFallthrough()); }
TORCH_LIBRARY_IMPL(aten, Negative, m) { m.impl("_copy_from", torch::CppFunction::makeFallthrough()); }

TORCH_LIBRARY(stand_in, m) { m.def("default_generator() -> Generator?", [] { return std::optional(default_generator()); }); }

extern "C" int64_t stand_in_count(int which) { return counts[which]; }
extern "C" void stand_in_forbid_waiting(bool yes) { forbidden = yes; }
