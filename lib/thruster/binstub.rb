# frozen_string_literal: true

module Thruster
  # An app's bin/thrust: whose gem it starts.
  class Binstub
    PATH = "bin/thrust"

    def initialize(root)
      @path = File.join(root, PATH)
    end

    # :missing, :ours, :theirs (made for the gem thruster), or :foreign: written by somebody, for something else.
    def kind
      return :missing unless File.file?(@path)

      case File.read(@path)
      when /Gem\.bin_path\(?\s*["']thruster-rs["']/ then :ours
      when /Gem\.bin_path\(?\s*["']thruster["']/ then :theirs
      else :foreign
      end
    end

    def executable?
      File.executable?(@path)
    end
  end
end
