require "digest"

# Says how much came and what it was, whether as a form with a file or as a plain body.
class UploadsController < ApplicationController
  PIECE = 64 * 1024

  skip_forgery_protection

  def create
    Ledger.note(request.headers["X-Request-Id"])
    digest = Digest::SHA256.new
    size = 0
    while piece = source.read(PIECE)
      digest << piece
      size += piece.bytesize
    end

    render json: { size:, sha256: digest.hexdigest, name: params[:file].try(:original_filename) }, status: :created
  end

  private
    def source
      params[:file] || request.body
    end
end
