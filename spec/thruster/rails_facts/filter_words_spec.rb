# frozen_string_literal: true

require "active_support"
require "active_support/parameter_filter"
require "thruster/rails_facts/filter_words"

RSpec.describe Thruster::RailsFacts::FilterWords do
  def words(*filters)
    described_class.new(filters).to_a
  end

  it "takes names as they are" do
    expect(words(:passw, "e-mail", :_key)).to eq(%w[passw e-mail _key])
    expect(words).to eq([])
  end

  it "takes the texts that a regexp has to choose from" do
    expect(words(/passw|secret/i, /\Atoken\z/, /(api_key|otp)$/, /a\.?b\-c/)).to eq([ "*" ])
    expect(words(/passw|secret/i, /\Atoken\z/, /(api_key|otp)$/, /x\-y/)).to eq(%w[passw secret token api_key otp x-y])
  end

  it "takes what Rails has compiled of them" do
    compiled = ActiveSupport::ParameterFilter.precompile_filters([ :passw, "card.code", /\Atoken\z/i, /cvc|cvv/ ])

    expect(words(*compiled)).to contain_exactly("passw", "token", "cvc", "cvv", "code")
  end

  it "masks the innermost of nested parameters, and each part of what thrust would read as a list" do
    expect(words("user.email", "a, b")).to eq(%w[email a b])
  end

  [
    ->(_key, _value) { }, /passw.*/, /pass(word|phrase)/, /[ab]c/, /(?<name>a)/, /(?=a)/, /a b/x, /a?/, /\d/, //, /a|/, "", ","
  ].each do |filter|
    it "masks everything for #{filter.is_a?(Proc) ? "a proc" : filter.inspect}, and says for which" do
      expect(words(:passw, filter)).to eq([ "*" ])
      expect(described_class.new([ :passw, filter ]).beyond_words).to eq([ filter ])
    end
  end

  it "never masks less than Rails does" do
    filters = [ :passw, /\Atok|ssn\z/i, "card.code", /\bpin\b/ ]
    rails = ActiveSupport::ParameterFilter.new(filters)
    masking = words(*filters)

    %w[password Token ssn tokssn card code pin spin pins address Passwd].each do |name|
      masked = rails.filter({ name => "x" })[name] == "[FILTERED]"
      expect(masking).to include(satisfy { name.downcase.include?(_1) }), name if masked
    end
  end
end
