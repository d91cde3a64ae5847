# Keeps what is uploaded with Active Storage, and says where it is to be had.
class DocumentsController < ApplicationController
  skip_forgery_protection

  def create
    file = params.require(:file)
    blob = ActiveStorage::Blob.create_and_upload!(io: file, filename: file.original_filename, content_type: file.content_type)
    render json: { path: rails_storage_redirect_path(blob), proxied: rails_storage_proxy_path(blob) }, status: :created
  end
end
