// Decoding: one statement at a time, from the syntax tree to an instruction. A decoder takes the modifiers that it
// knows; what is left over makes the statement unsupported, so nothing is ever ignored in silence.
#pragma once
#include "program.h"

namespace sim {

class ImageBuilder;

struct Decoder {
  ImageBuilder& builder;
  const ptx::Statement& statement;
  std::vector<std::string> modifiers;  // not yet taken
  Instruction i;

  bool take(std::string_view modifier);
  /** One of these, or "". */
  std::string take_one(std::initializer_list<const char*> choices);
  /** The last modifier, which must be a type. */
  std::string take_type();
  ptx::Space take_space();

  size_t operands() const { return statement.operands.size(); }
  const ptx::Operand& operand(size_t n);

  /** Register file offsets of an operand of that type; constants and special registers have a place there too. */
  uint32_t source(const ptx::Operand& o, std::string_view type);
  uint32_t target(const ptx::Operand& o, std::string_view type);
  /** A register of any size (ld, st, cvt allow wider ones); bytes: its own. */
  uint32_t any_register(const ptx::Operand& o, int& bytes);
  uint32_t predicate(const ptx::Operand& o, bool& negated);
  uint32_t constant(uint64_t bits, uint32_t bytes, int variable = -1);
  int64_t integer(const ptx::Operand& o);
  /** A scratch register of the image that nothing reads. */
  uint32_t scratch(uint32_t bytes);
  /** Base register, width and offset of an address; the symbol decides what a base is. */
  void address(const ptx::Operand& o);

  Detail& detail();
  /** Ends the statement: all modifiers must be taken. */
  void emit(Op op, bool counted = true);
  /** The same for operations that move control or suspend lanes: they look at their guard themselves. */
  void emit_control(Op op);
  [[noreturn]] void unsupported(const std::string& why = "") const;
};

using DecodeFunction = void (*)(Decoder&);

void decode_lane_operation(Decoder& d);
void decode_move(Decoder& d);
void decode_setp(Decoder& d);
void decode_set(Decoder& d);
/** The comparison of setp, its destinations being set. */
void decode_comparison(Decoder& d);
void decode_activemask(Decoder& d);
void decode_warp_barrier(Decoder& d);
void decode_call(Decoder& d);
DecodeFunction find_control(std::string_view opcode);
DecodeFunction find_memory(std::string_view opcode);
void decode_async(Decoder& d);
void decode_load_store(Decoder& d);
void decode_atomic(Decoder& d);
DecodeFunction find_matrix(std::string_view opcode);
DecodeFunction find_collective(std::string_view opcode);

/** Builds an image: lays out registers, constants, parameters, shared and local memory, decodes every statement. */
class ImageBuilder {
 public:
  ImageBuilder(const ptx::Module& module, const ptx::Function& kernel);
  std::unique_ptr<Image> build();

  const ptx::Module& module;
  std::unique_ptr<Image> image;
  Routine* routine = nullptr;  // being decoded
  SharedLayout shared;

  struct Place {
    ptx::Space space;
    uint64_t at;        // offset in the space
    int variable = -1;  // global and constant memory
  };
  /** Throws Fault: an unknown name. */
  Place find_symbol(const ptx::Statement& s, const std::string& name) const;
  uint32_t special(std::string_view name, uint32_t bytes, bool& found);
  uint32_t special(Special s, uint32_t bytes);
  uint32_t constant(uint64_t bits, uint32_t bytes, int variable);
  uint32_t allocate(uint32_t bytes);  // 32 lanes of so many bytes
  uint32_t register_at(int number) const { return slots_[number]; }
  const ptx::Register& register_type(int number) const { return routine->function->registers[number]; }
  int find_label(const ptx::Statement& s, const std::string& name) const;
  void append(Instruction i, const ptx::Statement* s, bool counted = true);
  void branch_fixup(int statement) { pending_targets_.push_back({image->code.size(), statement}); }
  int64_t kernel_parameter_bytes() const;
  Routine* routine_of(std::string_view name);

 private:
  void prepare(Routine& r);
  void decode_routine(Routine& r);
  void decode_statement(const ptx::Statement& s);
  void allocate_registers();
  void lay_out_parameters(Routine& r);
  void resolve();

  struct Pending {
    size_t instruction;
    int statement;
  };
  std::vector<uint32_t> slots_;         // of the routine being decoded
  std::vector<int> first_instruction_;  // of each statement
  std::vector<Pending> pending_targets_;
  std::map<std::tuple<uint64_t, uint32_t, int>, uint32_t> constants_;
  std::map<std::pair<Special, uint32_t>, uint32_t> specials_;
  std::map<const ptx::Function*, Routine*> routines_;
  std::vector<std::pair<Routine*, size_t>> entries_;
};

}  // namespace sim
